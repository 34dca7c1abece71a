#include "engine/tokenizer/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <limits>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

// PCRE2 counts its steps from state to state; a linear pattern needs a few for each byte.
constexpr std::uint32_t kMatchLimit = 50'000'000;
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};

// PCRE2's own \s also matches U+180E, which has not been white space since Unicode 6.3 and is none
// for the libraries the models were trained with.
std::string with_unicode_spaces(const std::string& pattern) {
  std::string result;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    result += pattern[i];
    if (pattern[i] != '\\' || i + 1 == pattern.size()) continue;
    const char escaped = pattern[++i];
    if (escaped == 's') {
      result += "p{White_Space}";
    } else if (escaped == 'S') {
      result += "P{White_Space}";
    } else {
      result += escaped;
    }
  }
  return result;
}

// One per thread: no pattern of ours captures, so one pair of offsets serves them all.
pcre2_match_data* match_data() {
  thread_local const std::unique_ptr<pcre2_match_data, FreeMatch> data(
      pcre2_match_data_create(1, nullptr));
  return data.get();
}

// One per thread, for limits that change from search to search.
pcre2_match_context* spare_context() {
  thread_local const std::unique_ptr<pcre2_match_context, FreeContext> context = [] {
    std::unique_ptr<pcre2_match_context, FreeContext> made(pcre2_match_context_create(nullptr));
    if (made) pcre2_set_heap_limit(made.get(), kHeapLimitKib);
    return made;
  }();
  return context.get();
}

}  // namespace

struct Regex::Compiled {
  std::unique_ptr<pcre2_code, FreeCode> code;
  std::unique_ptr<pcre2_match_context, FreeContext> context;

  // < 0: no match, or a limit. Otherwise the offsets are in match_data().
  [[nodiscard]] int search(std::string_view text, std::size_t from, std::uint32_t options,
                           pcre2_match_context* limits) const {
    const auto search_with = [&](std::uint32_t more) {
      return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                         PCRE2_NO_UTF_CHECK | options | more, match_data(), limits);
    };
    const int found = search_with(0);
    return found == PCRE2_ERROR_JIT_STACKLIMIT ? search_with(PCRE2_NO_JIT) : found;
  }

  // The library does not tell what a search cost, only that it met its limit. So most searches run
  // under a low limit for nothing, the few others under higher ones that are paid in full.
  [[nodiscard]] int search_within(std::string_view text, std::size_t from,
                                  RegexBudget& budget) const {
    constexpr std::uint64_t kFree = 256;
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    pcre2_match_context* limits = spare_context();
    for (std::uint64_t limit = kFree;; limit = std::min({16 * limit, budget.steps, kMost})) {
      if (limit == 0) return PCRE2_ERROR_MATCHLIMIT;
      pcre2_set_match_limit(limits, static_cast<std::uint32_t>(limit));
      const int found = search(text, from, 0, limits);
      if (limit > kFree) budget.steps -= std::min(limit, budget.steps);
      if (found != PCRE2_ERROR_MATCHLIMIT) return found;
    }
  }
};

Result<Regex> Regex::compile(const std::string& pattern) {
  const std::string translated = with_unicode_spaces(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto compiled = std::make_shared<Compiled>();
  compiled->code.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error,
                    &offset, nullptr));
  if (!compiled->code) {
    std::array<PCRE2_UCHAR, 256> text{};
    pcre2_get_error_message(error, text.data(), text.size());
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot compile the regular expression '{}' at byte {}: {}", translated,
                            offset, reinterpret_cast<const char*>(text.data())));
  }
  compiled->context.reset(pcre2_match_context_create(nullptr));
  if (!compiled->context) {
    return fail(ErrorCode::resource_exhausted, "cannot set up a regular expression: no memory");
  }
  pcre2_set_match_limit(compiled->context.get(), kMatchLimit);
  pcre2_set_heap_limit(compiled->context.get(), kHeapLimitKib);
  // Where there is no just-in-time compiler, the interpreter gives the same matches, slower.
  pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);
  return Regex(std::move(compiled));
}

void Regex::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  const auto append = [&](std::size_t begin, std::size_t end) {
    if (end > begin) pieces.push_back(text.substr(begin, end - begin));
  };
  pcre2_match_data* match = match_data();
  std::size_t begin = 0;  // of what is not yet appended
  std::size_t from = 0;   // where the search goes on
  while (match != nullptr && from < text.size()) {
    const int found = compiled_->search(text, from, PCRE2_NOTEMPTY, compiled_->context.get());
    if (found < 0) break;  // no match, or a limit
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match);
    if (offsets[1] <= from || offsets[1] > text.size()) break;
    append(begin, offsets[0]);
    append(offsets[0], offsets[1]);
    begin = offsets[1];
    from = offsets[1];
  }
  append(begin, text.size());
}

std::vector<Span> Regex::find_all(std::string_view text, RegexBudget& budget) const {
  std::vector<Span> matches;
  if (match_data() == nullptr || spare_context() == nullptr) return matches;
  std::size_t from = 0;
  while (from <= text.size()) {
    if (compiled_->search_within(text, from, budget) < 0) break;
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match_data());
    const Span match{offsets[0], offsets[1]};
    if (match.begin < from || match.end < match.begin || match.end > text.size()) break;
    if (match.begin == match.end && !matches.empty() && matches.back().end == match.end) {
      from += std::max<std::size_t>(utf8_length(text.substr(from)), 1);
      continue;
    }
    matches.push_back(match);
    from = match.end;
  }
  return matches;
}

}  // namespace wattle::engine
