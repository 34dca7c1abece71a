#include "engine/tokenizer/tokenizer_base.hpp"

#include <algorithm>
#include <array>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

// The special tokens of Phi-3 that keep the white space behind them.
constexpr std::array<std::string_view, 3> kKeepSpace = {"<unk>", "<s>", "<|endoftext|>"};

// Without spaces at the ends, and never two in a row.
std::string without_extra_spaces(std::string_view text) {
  std::string rest;
  bool space_waits = false;
  for (const char c : text) {
    if (c == ' ') {
      space_waits = true;
      continue;
    }
    if (space_waits && !rest.empty()) rest += ' ';
    space_waits = false;
    rest += c;
  }
  return rest;
}

}  // namespace

TokenizerBase::TokenizerBase(const Vocabulary& vocabulary, CheckedSpecials checked,
                             std::vector<std::string> pieces)
    : checked_(std::move(checked)),
      pieces_(std::move(pieces)),
      kinds_(vocabulary.kinds),
      removes_extra_spaces_(vocabulary.remove_extra_spaces),
      begins_behind_user_defined_(vocabulary.space_behind_user_defined),
      adds_space_(vocabulary.model == VocabularyModel::score_bpe && vocabulary.add_space_prefix) {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const TokenKind kind = kinds_[i];
    if (kind != TokenKind::control && kind != TokenKind::unknown &&
        kind != TokenKind::user_defined) {
      continue;
    }
    splitter_.add(pieces_[i],
                  {.token = static_cast<TokenId>(i),
                   .always = kind == TokenKind::user_defined,
                   .strip_after = vocabulary.strip_space_after_specials &&
                                  std::ranges::find(kKeepSpace, pieces_[i]) == kKeepSpace.end()});
  }
}

std::vector<TokenId> TokenizerBase::encode(std::string_view text,
                                           const EncodeOptions& options) const {
  std::vector<TokenId> tokens;
  std::string clean;
  if (removes_extra_spaces_) text = clean = without_extra_spaces(text);
  const SpecialTokens& special = checked_.special;
  if (options.add_special && special.add_bos) tokens.push_back(*special.bos);
  bool begins = true;
  for (const Fragment& fragment : splitter_.split(text, options.parse_special)) {
    if (fragment.token >= 0) {
      const bool in_running_text =
          !begins_behind_user_defined_ && kind(fragment.token) == TokenKind::user_defined;
      if (begins && in_running_text) encode_text({}, begins, tokens);
      tokens.push_back(fragment.token);
      begins = separates(fragment.token);
    } else {
      encode_text(fragment.text, begins, tokens);
      begins = false;
    }
  }
  if (options.add_special && special.add_eos) tokens.push_back(*special.eos);
  return tokens;
}

bool TokenizerBase::separates(TokenId token) const {
  return kind(token) == TokenKind::control ||
         (kind(token) == TokenKind::user_defined && begins_behind_user_defined_);
}

std::string_view TokenizerBase::piece_view(TokenId token, bool show_special) const {
  if (token < 0 || static_cast<std::size_t>(token) >= pieces_.size()) return {};
  const auto i = static_cast<std::size_t>(token);
  if (!show_special && kinds_[i] == TokenKind::control) return {};
  if (!show_special && kinds_[i] == TokenKind::unknown) return kReplacementCharacter;
  return pieces_[i];
}

std::string TokenizerBase::piece(TokenId token, bool show_special) const {
  return std::string(piece_view(token, show_special));
}

std::string TokenizerBase::decode(std::span<const TokenId> tokens, bool show_special) const {
  std::string text;
  bool begins = true;
  for (const TokenId token : tokens) {
    if (token < 0 || static_cast<std::size_t>(token) >= pieces_.size()) continue;
    std::string_view bytes = piece_view(token, show_special);
    if (separates(token)) {
      begins = true;
    } else {
      if (begins && adds_space_ && bytes.starts_with(' ')) bytes.remove_prefix(1);
      begins = false;
    }
    text += bytes;
  }
  return text;
}

bool TokenizerBase::is_end_of_generation(TokenId token) const {
  return std::ranges::binary_search(checked_.end_of_generation, token);
}

}  // namespace wattle::engine
