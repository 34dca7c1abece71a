#include "engine/tokenizer/huggingface/added_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::huggingface {
namespace {

constexpr std::size_t kMostAddedTokens = 1'000'000;
constexpr std::size_t kLongestAddedToken = 1'024;  // bytes; each may be compared at every place

bool is_word_character(std::string_view character) {
  static const auto pattern =
      Regex::compile(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])");
  RegexBudget budget = RegexBudget::for_text(character.size());
  return utf8_length(character) > 0 && pattern && !pattern->find_all(character, budget).empty();
}

bool stands_alone(std::string_view text, Span match) {
  const std::string_view before = text.substr(0, match.begin);
  const std::string_view behind = text.substr(match.end);
  return !is_word_character(
             before.substr(before.size() - std::min(utf8_last_length(before), before.size()))) &&
         !is_word_character(behind.substr(0, utf8_length(behind)));
}

Result<AddedToken> read_added_token(const Place& place) {
  AddedToken token;
  WATTLE_TRY(const auto id_place, place.member("id"));
  WATTLE_TRY(const auto id, id_place.as_number(std::numeric_limits<TokenId>::max()));
  token.id = static_cast<TokenId>(id);
  WATTLE_TRY(token.content, place.string_member("content"));
  if (token.content.size() > kLongestAddedToken) {
    return place.fail(ErrorCode::unsupported,
                      fmt::format("has {} bytes of 'content', at most {} are read",
                                  token.content.size(), kLongestAddedToken));
  }
  WATTLE_TRY(token.special, place.bool_member("special", false));
  WATTLE_TRY(token.normalized, place.bool_member("normalized", !token.special));
  WATTLE_TRY(token.single_word, place.bool_member("single_word", false));
  WATTLE_TRY(token.lstrip, place.bool_member("lstrip", false));
  WATTLE_TRY(token.rstrip, place.bool_member("rstrip", false));
  return token;
}

}  // namespace

Result<std::vector<AddedToken>> read_added_tokens(const Place& file) {
  std::vector<AddedToken> tokens;
  WATTLE_TRY(const auto list, file.find("added_tokens"));
  if (!list) return tokens;
  WATTLE_TRY(const auto places, list->elements(kMostAddedTokens));
  for (const Place& place : places) {
    WATTLE_TRY(auto token, read_added_token(place));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalizer)
    : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    const SpecialText special{.token = static_cast<TokenId>(i), .always = !token.special};
    if (token.normalized) {
      normalized_.add(normalizer.apply(token.content, false), special);
    } else {
      raw_.add(token.content, special);
    }
  }
}

std::vector<Fragment> AddedTokens::split(const SpecialSplitter& splitter, std::string_view text,
                                         bool parse_special) const {
  std::vector<Fragment> fragments;
  std::size_t begin = 0;  // of the plain text not yet given away
  std::size_t at = 0;
  while (at < text.size()) {
    const auto match = splitter.longest_match(text.substr(at), parse_special);
    if (match.special == nullptr) {
      ++at;
      continue;
    }
    Span span{at, at + match.n_bytes};
    at = span.end;
    const AddedToken& token = tokens_[static_cast<std::size_t>(match.special->token)];
    if (token.single_word && !stands_alone(text, span)) continue;
    if (token.lstrip) {
      span.begin -= trailing_white_space(text.substr(begin, span.begin - begin));
    }
    if (token.rstrip) span.end += leading_white_space(text.substr(span.end));
    if (span.begin > begin) fragments.push_back({text.substr(begin, span.begin - begin), -1});
    fragments.push_back({text.substr(span.begin, span.end - span.begin), token.id});
    begin = at = span.end;
  }
  if (begin < text.size()) fragments.push_back({text.substr(begin), -1});
  return fragments;
}

}  // namespace wattle::engine::huggingface
