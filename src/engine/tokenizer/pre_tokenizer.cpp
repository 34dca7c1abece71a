#include "engine/tokenizer/pre_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

// English contractions; words, numbers and punctuation, each with one space before; white space,
// whose last character stays for the word behind it.
#define WATTLE_GPT2_PATTERN \
  R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"

// The family of Llama 3: contractions in either case, any one character before a word, digits in
// groups, line breaks together with what is before them.
#define WATTLE_LLAMA3_PATTERN(digits)                                \
  R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" digits \
  R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"

constexpr std::array<const char*, 1> kGpt2 = {WATTLE_GPT2_PATTERN};
constexpr std::array<const char*, 1> kLlama3 = {WATTLE_LLAMA3_PATTERN(R"(\p{N}{1,3})")};
constexpr std::array<const char*, 1> kQwen2 = {WATTLE_LLAMA3_PATTERN(R"(\p{N})")};
constexpr std::array<const char*, 2> kStarcoder = {R"(\p{N})", WATTLE_GPT2_PATTERN};
constexpr std::array<const char*, 4> kDefault = {
    R"([\p{P}\$\+<=>\^~\|]+)",
    WATTLE_GPT2_PATTERN,
    R"(\p{N}+)",
    R"([0-9][0-9][0-9])",
};

#undef WATTLE_GPT2_PATTERN
#undef WATTLE_LLAMA3_PATTERN

// The cased letters of an early Unicode version, spelled out as in the model's tokenizer.json.
constexpr const char* kDeepseekLetters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386})"
    R"(\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F})"
    R"(\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA})"
    R"(\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A})"
    R"(\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D})"
    R"(\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4})"
    R"(\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3})"
    R"(\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
    R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D})"
    R"(\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184})"
    R"(\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D})"
    R"(\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E})"
    R"(\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A})"
    R"(\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB})"
    R"(\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";

constexpr std::array<const char*, 6> kDeepseekLlm = {
    R"([\r\n])",
    kDeepseekLetters,
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)",
    // "\s+$", looked for only where white space begins: tried inside it, the time is quadratic.
    R"((?<!\s)\s+$)",
    R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)",
    R"(\p{N})",
};

struct Known {
  const char* name;
  std::span<const char* const> patterns;
  bool whole_words_first = false;
};

constexpr std::array kKnown = {
    Known{"default", kDefault},        Known{"gpt-2", kGpt2},
    Known{"llama-bpe", kLlama3, true}, Known{"llama3", kLlama3, true},
    Known{"llama-v3", kLlama3, true},  Known{"qwen2", kQwen2},
    Known{"stablelm2", kQwen2},        Known{"smollm", kStarcoder},
    Known{"starcoder", kStarcoder},    Known{"deepseek-llm", kDeepseekLlm},
};

}  // namespace

std::vector<std::string_view> PreTokenizer::known_names() {
  std::vector<std::string_view> names;
  for (const auto& one : kKnown) names.emplace_back(one.name);
  return names;
}

Result<PreTokenizer> PreTokenizer::by_name(const std::string& pre, const std::string& source) {
  const auto known = std::ranges::find(kKnown, std::string_view(pre),
                                       [](const Known& k) { return std::string_view(k.name); });
  if (known == kKnown.end()) {
    std::string names;
    for (const auto& one : kKnown) names += (names.empty() ? "" : ", ") + std::string(one.name);
    return fail(ErrorCode::unsupported,
                fmt::format("cannot read the vocabulary of {}: tokenizer.ggml.pre is '{}', known "
                            "are {}",
                            source, pre, names),
                "Choose a model with one of these pre-tokenizers");
  }
  PreTokenizer result;
  result.whole_words_first_ = known->whole_words_first;
  for (const char* pattern : known->patterns) {
    WATTLE_TRY(auto regex, Regex::compile(pattern));
    result.steps_.push_back(std::move(regex));
  }
  return result;
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> words;
  std::vector<std::string_view> pieces;
  std::vector<std::string_view> cut;
  while (!text.empty()) {
    const std::size_t valid = utf8_valid_prefix(text);
    pieces.clear();
    if (valid > 0) pieces.push_back(text.substr(0, valid));
    for (const auto& step : steps_) {
      cut.clear();
      for (const auto piece : pieces) step.split(piece, cut);
      pieces.swap(cut);
    }
    words.insert(words.end(), pieces.begin(), pieces.end());
    std::size_t end = valid;
    while (end < text.size() && utf8_length(text.substr(end)) == 0) ++end;
    if (end > valid) words.push_back(text.substr(valid, end - valid));
    text.remove_prefix(end);
  }
  return words;
}

}  // namespace wattle::engine
