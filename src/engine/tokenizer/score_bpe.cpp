#include "engine/tokenizer/score_bpe.hpp"

#include <algorithm>
#include <bit>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

std::string with_plain_spaces(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::size_t found = text.find(kSpace);
    plain += text.substr(0, found);
    if (found == std::string_view::npos) break;
    plain += ' ';
    text.remove_prefix(found + kSpace.size());
  }
  return plain;
}

// U+2581 behind another character.
bool has_inner_space(std::string_view token) {
  while (token.starts_with(kSpace)) token.remove_prefix(kSpace.size());
  return token.find(kSpace) != std::string_view::npos;
}

std::vector<std::string> pieces_of(const Vocabulary& vocabulary) {
  std::vector<std::string> pieces;
  pieces.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const std::string& token = vocabulary.tokens[i];
    switch (vocabulary.kinds[i]) {
      case TokenKind::byte:
        pieces.emplace_back(1, static_cast<char>(byte_of_name(token).value_or(0)));
        break;
      case TokenKind::control:
      case TokenKind::unknown:
        pieces.push_back(token);
        break;
      case TokenKind::normal:
      case TokenKind::user_defined:
      case TokenKind::unused:
        pieces.push_back(with_plain_spaces(token));
        break;
    }
  }
  return pieces;
}

// Orders floats as unsigned numbers, the highest float first.
std::uint32_t rank_of_score(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F);  // -0 → +0
  const std::uint32_t ascending = (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
  return ~ascending;
}

}  // namespace

// Text in which tokens may merge; its spaces are already U+2581.
struct ScoreBpe::Chunk {
  std::string text;
  MergeWorkspace workspace;

  void append(std::string_view character) {
    workspace.symbols.push_back({.id = kNone,
                                 .begin = static_cast<std::uint32_t>(text.size()),
                                 .n_bytes = static_cast<std::uint32_t>(character.size()),
                                 .with_next = {}});
    text += character;
  }
};

ScoreBpe::ScoreBpe(const Vocabulary& vocabulary, CheckedSpecials checked)
    : TokenizerBase(vocabulary, std::move(checked), pieces_of(vocabulary)),
      adds_space_(vocabulary.add_space_prefix) {
  byte_tokens_.fill(-1);
  ranks_.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string& token = vocabulary.tokens[i];
    ranks_.push_back(rank_of_score(vocabulary.scores[i]));
    if (vocabulary.kinds[i] == TokenKind::byte) {
      TokenId& slot = byte_tokens_[byte_of_name(token).value_or(0)];
      if (slot < 0) slot = id;
    } else if (vocabulary.kinds[i] == TokenKind::normal && !token.empty()) {
      tokens_.try_emplace(token, id);
      longest_token_ = std::max(longest_token_, token.size());
      if (has_inner_space(token)) cuts_at_spaces_ = false;
    }
  }
}

Merge ScoreBpe::find_merge(std::string_view text) const {
  if (text.size() > longest_token_) return {};
  const auto found = tokens_.find(text);
  if (found == tokens_.end()) return {};
  return {ranks_[static_cast<std::size_t>(found->second)],
          static_cast<std::uint32_t>(found->second)};
}

bool ScoreBpe::has_bytes(std::string_view bytes) const {
  return std::ranges::all_of(
      bytes, [&](char byte) { return byte_tokens_[static_cast<std::uint8_t>(byte)] >= 0; });
}

void ScoreBpe::append_bytes(std::string_view bytes, std::vector<TokenId>& tokens) const {
  if (has_bytes(bytes)) {
    for (const char byte : bytes) tokens.push_back(byte_tokens_[static_cast<std::uint8_t>(byte)]);
  } else if (special().unknown) {
    tokens.push_back(*special().unknown);
  }
}

void ScoreBpe::merge_chunk(Chunk& chunk, std::vector<TokenId>& tokens) const {
  auto& symbols = chunk.workspace.symbols;
  if (symbols.empty()) return;
  const std::string_view text = chunk.text;
  merge_symbols(chunk.workspace, [&](const Symbol& left, const Symbol& right) {
    return find_merge(text.substr(left.begin, left.n_bytes + right.n_bytes));
  });
  for (std::uint32_t i = 0; i != kNone; i = symbols[i].next) {
    const std::string_view piece = text.substr(symbols[i].begin, symbols[i].n_bytes);
    if (symbols[i].id != kNone) {
      tokens.push_back(static_cast<TokenId>(symbols[i].id));
    } else if (const auto found = tokens_.find(piece); found != tokens_.end()) {
      tokens.push_back(found->second);
    } else {
      append_bytes(piece == kSpace ? std::string_view(" ") : piece, tokens);
    }
  }
  chunk.text.clear();
  symbols.clear();
}

void ScoreBpe::encode_text(std::string_view text, bool begins, std::vector<TokenId>& tokens) const {
  Chunk chunk;
  // U+2581 in the text itself would come back as a space; its bytes come back as they are.
  const bool spell_out_space = has_bytes(kSpace);
  bool after_space = true;
  const auto append_space = [&] {
    if (cuts_at_spaces_ && !after_space) merge_chunk(chunk, tokens);
    chunk.append(kSpace);
    after_space = true;
  };
  if (begins && adds_space_) append_space();
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(character.size());
    if (chunk.text.size() >= kLongestWord) merge_chunk(chunk, tokens);
    if (character == " ") {
      append_space();
    } else if (length == 0 || (spell_out_space && character == kSpace)) {
      merge_chunk(chunk, tokens);
      append_bytes(character, tokens);
      after_space = false;
    } else {
      chunk.append(character);
      after_space = false;
    }
  }
  merge_chunk(chunk, tokens);
}

}  // namespace wattle::engine
