#include "engine/tokenizer/vocabulary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/tokenizer/well_known_tokens.hpp"

namespace wattle::engine {
namespace {

constexpr const char* kConvertAgain = "Convert or download the model again";

Status check_sizes(const Vocabulary& vocabulary) {
  const std::size_t n = vocabulary.tokens.size();
  if (n == 0) {
    return fail(
        ErrorCode::invalid_format,
        fmt::format("cannot read the vocabulary of {}: it has no tokens", vocabulary.source),
        kConvertAgain);
  }
  if (n > static_cast<std::size_t>(std::numeric_limits<TokenId>::max())) {
    return fail(ErrorCode::unsupported,
                fmt::format("cannot read the vocabulary of {}: {} tokens do not fit token ids",
                            vocabulary.source, n),
                kConvertAgain);
  }
  const auto same_size = [&](std::size_t size, const char* what) -> Status {
    if (size == n) return {};
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot read the vocabulary of {}: {} {} for {} tokens",
                            vocabulary.source, size, what, n),
                kConvertAgain);
  };
  if (!vocabulary.kinds.empty()) WATTLE_CHECK(same_size(vocabulary.kinds.size(), "token types"));
  if (vocabulary.model == VocabularyModel::score_bpe) {
    WATTLE_CHECK(same_size(vocabulary.scores.size(), "scores"));
    const auto nan = std::ranges::find_if(vocabulary.scores, [](float s) { return std::isnan(s); });
    if (nan != vocabulary.scores.end()) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("cannot read the vocabulary of {}: the score of token {} is not a "
                              "number",
                              vocabulary.source, nan - vocabulary.scores.begin()),
                  kConvertAgain);
    }
  } else if (vocabulary.merges.empty()) {
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot read the vocabulary of {}: byte-level BPE needs merges, it has "
                            "none",
                            vocabulary.source),
                kConvertAgain);
  }
  return {};
}

class SpecialFinder {
 public:
  explicit SpecialFinder(Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  Result<CheckedSpecials> find() {
    const bool kinds_given = !vocabulary_.kinds.empty();
    vocabulary_.kinds.resize(vocabulary_.tokens.size(), TokenKind::normal);
    auto& special = found_.special;
    WATTLE_CHECK(take(vocabulary_.bos, "bos_token_id", special.bos));
    WATTLE_CHECK(take(vocabulary_.eos, "eos_token_id", special.eos));
    WATTLE_CHECK(take(vocabulary_.eot, "eot_token_id", special.eot));
    WATTLE_CHECK(take(vocabulary_.eom, "eom_token_id", special.eom));
    WATTLE_CHECK(take(vocabulary_.unknown, "unknown_token_id", special.unknown));
    WATTLE_CHECK(take(vocabulary_.padding, "padding_token_id", special.padding));
    for (const std::int64_t id : vocabulary_.more_ends) {
      std::optional<TokenId> end;
      WATTLE_CHECK(take(id, "eos_token_id", end));
      more_ends_.push_back(*end);
    }
    if (vocabulary_.model == VocabularyModel::score_bpe) {
      find_byte_tokens();
      if (!kinds_given) name_sentencepiece_kinds();
      take_sentencepiece_defaults();
    }
    if (!kinds_given) mark_ids_as_control();
    WATTLE_CHECK(choose_added_tokens());
    find_well_known_names();
    return std::move(found_);
  }

 private:
  Status take(const std::optional<std::int64_t>& id, const char* key,
              std::optional<TokenId>& into) const {
    if (!id) return {};
    if (*id < 0 || static_cast<std::uint64_t>(*id) >= vocabulary_.tokens.size()) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("cannot read the vocabulary of {}: tokenizer.ggml.{} is {}, the "
                              "vocabulary has tokens 0 to {}",
                              vocabulary_.source, key, *id, vocabulary_.tokens.size() - 1),
                  kConvertAgain);
    }
    into = static_cast<TokenId>(*id);
    return {};
  }

  TokenKind& kind(TokenId id) { return vocabulary_.kinds[static_cast<std::size_t>(id)]; }

  void find_byte_tokens() {
    for (std::size_t i = 0; i < vocabulary_.tokens.size(); ++i) {
      auto& kind = vocabulary_.kinds[i];
      const bool named = byte_of_name(vocabulary_.tokens[i]).has_value();
      if (kind == TokenKind::normal && named) kind = TokenKind::byte;
      if (kind == TokenKind::byte && !named) kind = TokenKind::normal;
    }
  }

  void name_sentencepiece_kinds() {
    for (std::size_t i = 0; i < std::min<std::size_t>(vocabulary_.tokens.size(), 3); ++i) {
      const auto& text = vocabulary_.tokens[i];
      if (text == "<unk>") vocabulary_.kinds[i] = TokenKind::unknown;
      if (text == "<s>" || text == "</s>") vocabulary_.kinds[i] = TokenKind::control;
    }
  }

  // SentencePiece's own order is <unk>, <s>, </s>; taken only where such tokens stand there.
  void take_sentencepiece_defaults() {
    const auto take_default = [&](std::optional<TokenId>& id, TokenId fallback, TokenKind wanted) {
      const bool exists = static_cast<std::size_t>(fallback) < vocabulary_.tokens.size();
      if (!id && exists && kind(fallback) == wanted) id = fallback;
    };
    take_default(found_.special.unknown, 0, TokenKind::unknown);
    take_default(found_.special.bos, 1, TokenKind::control);
    take_default(found_.special.eos, 2, TokenKind::control);
  }

  void mark_ids_as_control() {
    const auto& special = found_.special;
    for (const auto& id : {special.bos, special.eos, special.eot, special.eom}) {
      if (id && kind(*id) == TokenKind::normal) kind(*id) = TokenKind::control;
    }
    if (special.unknown && kind(*special.unknown) == TokenKind::normal) {
      kind(*special.unknown) = TokenKind::unknown;
    }
  }

  Status choose_added_tokens() {
    auto& special = found_.special;
    const auto choose = [&](const std::optional<bool>& asked, bool by_default,
                            const std::optional<TokenId>& id, const char* name,
                            bool& add) -> Status {
      if (asked.value_or(false) && !id) {
        return fail(ErrorCode::invalid_format,
                    fmt::format("cannot read the vocabulary of {}: tokenizer.ggml.add_{}_token is "
                                "true, but there is no tokenizer.ggml.{}_token_id",
                                vocabulary_.source, name, name),
                    kConvertAgain);
      }
      add = id && asked.value_or(by_default);
      return {};
    };
    const bool llama3 = vocabulary_.model == VocabularyModel::byte_bpe &&
                        (vocabulary_.pre == "llama-bpe" || vocabulary_.pre == "llama3" ||
                         vocabulary_.pre == "llama-v3");
    const bool bos_by_default = vocabulary_.model == VocabularyModel::score_bpe || llama3;
    WATTLE_CHECK(choose(vocabulary_.add_bos, bos_by_default, special.bos, "bos", special.add_bos));
    return choose(vocabulary_.add_eos, false, special.eos, "eos", special.add_eos);
  }

  void find_well_known_names() {
    std::array<std::optional<TokenId>, kEndOfTurnNames.size()> named;
    std::optional<TokenId> end_of_message;
    for (std::size_t i = 0; i < vocabulary_.tokens.size(); ++i) {
      const std::string_view text = vocabulary_.tokens[i];
      const auto id = static_cast<TokenId>(i);
      const auto name = std::ranges::find(kEndOfTurnNames, text);
      if (name != kEndOfTurnNames.end()) {
        auto& slot = named[static_cast<std::size_t>(name - kEndOfTurnNames.begin())];
        if (!slot) slot = id;
      }
      if (text == kEndOfMessageName && !end_of_message) end_of_message = id;
    }
    auto& special = found_.special;
    auto& ends = found_.end_of_generation;
    for (const auto& id : named) {
      if (!id) continue;
      if (!special.eot) special.eot = id;
      kind(*id) = TokenKind::control;
      ends.push_back(*id);
    }
    if (!special.eom) special.eom = end_of_message;
    if (end_of_message) kind(*end_of_message) = TokenKind::control;
    for (const auto& id : {special.eos, special.eot, special.eom}) {
      if (id) ends.push_back(*id);
    }
    ends.insert(ends.end(), more_ends_.begin(), more_ends_.end());
    std::ranges::sort(ends);
    ends.erase(std::ranges::unique(ends).begin(), ends.end());
  }

  Vocabulary& vocabulary_;
  CheckedSpecials found_;
  std::vector<TokenId> more_ends_;
};

}  // namespace

std::optional<std::uint8_t> byte_of_name(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  const int high = digit(token[3]);
  const int low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<std::uint8_t>(high * 16 + low);
}

Result<CheckedSpecials> check_vocabulary(Vocabulary& vocabulary) {
  WATTLE_CHECK(check_sizes(vocabulary));
  return SpecialFinder(vocabulary).find();
}

}  // namespace wattle::engine
