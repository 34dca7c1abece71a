#include "sense/process_stat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "base/fs_root.hpp"

namespace wattle::sense {
namespace {

// Fields after the name, counted from 0: proc(5) calls the state number 3.
constexpr std::size_t kMinorFaults = 7, kMajorFaults = 9, kUserTime = 11, kSystemTime = 12,
                      kStartTime = 19, kFields = 20;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The first kFields words; empty where there are fewer.
std::array<std::string_view, kFields> words_of(std::string_view text) {
  std::array<std::string_view, kFields> words;
  for (auto& word : words) {
    text = trim(text);
    word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
  }
  return words;
}

}  // namespace

Result<ProcessStat> parse_process_stat(std::string_view text, std::string_view source) {
  const auto bad = [&] {
    return fail(ErrorCode::invalid_format,
                fmt::format("expected the state of a process in {}, found '{}'", source,
                            trim(text.substr(0, 40))));
  };
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
      !number(trim(text.substr(0, open)))) {
    return bad();
  }
  const auto words = words_of(text.substr(close + 1));
  const auto minor = number(words[kMinorFaults]);
  const auto major = number(words[kMajorFaults]);
  const auto user = number(words[kUserTime]);
  const auto system = number(words[kSystemTime]);
  const auto start = number(words[kStartTime]);
  if (words[0].size() != 1 || !minor || !major || !user || !system || !start ||
      *user > std::numeric_limits<std::uint64_t>::max() - *system) {
    return bad();
  }
  return ProcessStat{words[0][0], *minor, *major, *user + *system, *start};
}

Result<std::uint64_t> parse_kib_line(std::string_view text, std::string_view key,
                                     std::string_view source) {
  constexpr std::uint64_t kKib = 1024;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with(':')) continue;
    std::string_view value = trim(line.substr(key.size() + 1));
    if (value.ends_with(" kB")) {
      value.remove_suffix(std::string_view(" kB").size());
      const auto kib = number(trim(value));
      if (kib && *kib <= std::numeric_limits<std::uint64_t>::max() / kKib) return *kib * kKib;
    }
    return fail(ErrorCode::invalid_format,
                fmt::format("expected '{}: <number> kB' in {}, found '{}'", key, source,
                            line.substr(0, 60)));
  }
  return fail(ErrorCode::unavailable, fmt::format("{} has no line '{}:'", source, key));
}

}  // namespace wattle::sense
