#include "engine/tokenizer/huggingface/pre_tokenizer.hpp"

#include <fmt/format.h>

#include "engine/tokenizer/byte_alphabet.hpp"
#include "engine/tokenizer/huggingface/pattern.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::huggingface {
namespace {

constexpr std::size_t kMostSteps = 64;

// Radford et al. 2019: contractions; words, numbers and punctuation with one space before.
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kWord = R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+)"
                                   R"(|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\s]+)";
constexpr std::string_view kPunctuation = R"([\p{P}$+<=>^`|~])";

// Every word of `words` anew: `rewrite(word, is_first, text)` appends what becomes of it.
template <class Rewrite>
void rewrite_words(Words& words, const Rewrite& rewrite) {
  Words rewritten{.text = {}, .spans = {}, .first_begins_text = words.first_begins_text};
  rewritten.text.reserve(words.text.size() + words.text.size() / 2);
  rewritten.spans.reserve(words.spans.size());
  for (std::size_t i = 0; i < words.spans.size(); ++i) {
    const Span span = words.spans[i];
    const std::size_t begin = rewritten.text.size();
    rewrite(std::string_view(words.text).substr(span.begin, span.end - span.begin), i,
            rewritten.text);
    rewritten.spans.push_back({begin, rewritten.text.size()});
  }
  words = std::move(rewritten);
}

// Cuts every word: `find(word)` gives the matches inside it.
template <class Find>
void cut_words(Words& words, Behavior behavior, bool invert, const Find& find) {
  std::vector<Span> spans;
  std::vector<Span> parts;
  for (const Span word : words.spans) {
    const std::size_t n_bytes = word.end - word.begin;
    parts.clear();
    cut(n_bytes, find(std::string_view(words.text).substr(word.begin, n_bytes)), behavior, invert,
        parts);
    for (const Span part : parts) spans.push_back({word.begin + part.begin, word.begin + part.end});
  }
  if (spans.empty() || spans[0].begin != words.spans[0].begin) words.first_begins_text = false;
  words.spans = std::move(spans);
}

std::vector<Span> find_text(std::string_view text, std::string_view wanted) {
  std::vector<Span> matches;
  for (std::size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size())) {
    matches.push_back({at, at + wanted.size()});
  }
  return matches;
}

}  // namespace

Result<PreTokenizer> PreTokenizer::read(const std::optional<Place>& place) {
  PreTokenizer pre_tokenizer;
  if (place) WATTLE_CHECK(pre_tokenizer.read_step(*place));
  return pre_tokenizer;
}

Status PreTokenizer::read_step(const Place& place) {
  WATTLE_TRY(const auto type, place.string_member("type"));
  if (type == "Sequence") {
    WATTLE_TRY(const auto list, place.member("pretokenizers"));
    WATTLE_TRY(const auto parts, list.elements(kMostSteps));
    for (const Place& part : parts) WATTLE_CHECK(read_step(part));
    return {};
  }
  if (steps_.size() >= kMostSteps) {
    return place.fail(ErrorCode::unsupported, fmt::format("is one of more than {}", kMostSteps));
  }
  if (type == "Split") return read_split(place);
  if (type == "ByteLevel") return read_byte_level(place);
  if (type == "Metaspace") return read_metaspace(place);
  if (type == "Whitespace") return add_split(kWord, Behavior::removed, true);
  if (type == "WhitespaceSplit") return add_split(R"(\s)", Behavior::removed, false);
  if (type == "Digits") {
    WATTLE_TRY(const bool each, place.bool_member("individual_digits", false));
    return add_split(R"(\p{N})", each ? Behavior::isolated : Behavior::contiguous, false);
  }
  if (type == "Punctuation") {
    WATTLE_TRY(const auto behavior, read_behavior(place, Behavior::isolated));
    return add_split(kPunctuation, behavior, false);
  }
  return place.unknown_type(type, {"Sequence", "Split", "ByteLevel", "Metaspace", "Whitespace",
                                   "WhitespaceSplit", "Digits", "Punctuation"});
}

Status PreTokenizer::add_split(std::string_view pattern, Behavior behavior, bool invert) {
  WATTLE_TRY(auto regex, Regex::compile(std::string(pattern)));
  steps_.emplace_back(Split{std::move(regex), behavior, invert});
  return {};
}

Status PreTokenizer::read_split(const Place& place) {
  WATTLE_TRY(const auto pattern_place, place.member("pattern"));
  WATTLE_TRY(auto pattern, read_pattern(pattern_place));
  WATTLE_TRY(const auto behavior, read_behavior(place));
  WATTLE_TRY(const bool invert, place.bool_member("invert", false));
  steps_.emplace_back(Split{std::move(pattern), behavior, invert});
  return {};
}

Status PreTokenizer::read_byte_level(const Place& place) {
  // Every one doubles the text at worst.
  if (is_byte_level_) return place.fail(ErrorCode::unsupported, "is a second ByteLevel");
  ByteLevel step;
  WATTLE_TRY(step.add_prefix_space, place.bool_member("add_prefix_space", true));
  WATTLE_TRY(const bool use_regex, place.bool_member("use_regex", true));
  if (use_regex) {
    WATTLE_TRY(auto pattern, Regex::compile(std::string(kGpt2)));
    step.pattern = std::move(pattern);
  }
  steps_.emplace_back(std::move(step));
  is_byte_level_ = true;
  return {};
}

Status PreTokenizer::read_metaspace(const Place& place) {
  if (has_metaspace_) return place.fail(ErrorCode::unsupported, "is a second Metaspace");
  Metaspace step;
  WATTLE_TRY(step.replacement, place.string_member("replacement"));
  if (step.replacement.empty() || utf8_length(step.replacement) != step.replacement.size()) {
    return place.fail(ErrorCode::invalid_format, "has a 'replacement' that is not one character");
  }
  WATTLE_TRY(step.split, place.bool_member("split", true));
  WATTLE_TRY(const bool add_prefix_space, place.bool_member("add_prefix_space", true));
  WATTLE_TRY(const auto scheme, place.find("prepend_scheme"));
  if (!scheme) {
    step.prepend = add_prefix_space ? Prepend::always : Prepend::never;
  } else {
    WATTLE_TRY(const auto name, scheme->as_string());
    if (name == "always") {
      step.prepend = Prepend::always;
    } else if (name == "first") {
      step.prepend = Prepend::first;
    } else if (name == "never") {
      step.prepend = Prepend::never;
    } else {
      return scheme->fail(ErrorCode::unsupported,
                          fmt::format("is '{}', known are always, first and never", name));
    }
    if (!add_prefix_space && step.prepend != Prepend::never) {
      return scheme->fail(ErrorCode::invalid_format,
                          fmt::format("is '{}' although add_prefix_space is false", name));
    }
  }
  steps_.emplace_back(std::move(step));
  has_metaspace_ = true;
  return {};
}

Words PreTokenizer::apply(std::string text, Position position) const {
  Words words{.text = std::move(text), .spans = {}};
  RegexBudget budget = RegexBudget::for_text(words.text.size());
  if (!words.text.empty()) words.spans.push_back({0, words.text.size()});
  for (const Step& step : steps_) {
    if (const auto* split = std::get_if<Split>(&step)) {
      apply_split(*split, words, budget);
    } else if (const auto* byte_level = std::get_if<ByteLevel>(&step)) {
      apply_byte_level(*byte_level, words, position, budget);
    } else {
      apply_metaspace(std::get<Metaspace>(step), words, position);
    }
  }
  return words;
}

void PreTokenizer::apply_split(const Split& step, Words& words, RegexBudget& budget) {
  cut_words(words, step.behavior, step.invert,
            [&](std::string_view word) { return step.pattern.find_all(word, budget); });
}

void PreTokenizer::apply_byte_level(const ByteLevel& step, Words& words, Position position,
                                    RegexBudget& budget) {
  if (step.add_prefix_space) {
    rewrite_words(words, [&](std::string_view word, std::size_t i, std::string& text) {
      if (!word.starts_with(' ') && !(i == 0 && position.continues)) text += ' ';
      text += word;
    });
  }
  if (step.pattern) {
    cut_words(words, Behavior::isolated, false,
              [&](std::string_view word) { return step.pattern->find_all(word, budget); });
  }
  rewrite_words(words, [](std::string_view word, std::size_t /*i*/, std::string& text) {
    for (const char byte : word) text += alphabet_character(static_cast<std::uint8_t>(byte));
  });
}

void PreTokenizer::apply_metaspace(const Metaspace& step, Words& words, Position position) {
  const bool starts = words.first_begins_text && position.at_start;
  rewrite_words(words, [&](std::string_view word, std::size_t i, std::string& text) {
    const bool prepends =
        step.prepend == Prepend::always || (step.prepend == Prepend::first && i == 0 && starts);
    const bool has_it = word.starts_with(' ') || word.starts_with(step.replacement);
    if (prepends && !has_it && !(i == 0 && position.continues)) text += step.replacement;
    for (const char c : word) {
      if (c == ' ') {
        text += step.replacement;
      } else {
        text += c;
      }
    }
  });
  if (!step.split) return;
  cut_words(words, Behavior::merged_with_next, false,
            [&](std::string_view word) { return find_text(word, step.replacement); });
}

}  // namespace wattle::engine::huggingface
