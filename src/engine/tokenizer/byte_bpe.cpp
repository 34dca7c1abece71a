#include "engine/tokenizer/byte_bpe.hpp"

#include "engine/tokenizer/byte_alphabet.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

// Characters outside the alphabet, which a converter may have left in, stand for themselves.
std::string lenient_bytes(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(token), 1);
    const std::string_view character = token.substr(0, length);
    bytes += bytes_of_token(character).value_or(std::string(character));
    token.remove_prefix(length);
  }
  return bytes;
}

std::vector<std::string> pieces_of(const Vocabulary& vocabulary) {
  std::vector<std::string> pieces;
  pieces.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const TokenKind kind = vocabulary.kinds[i];
    const bool as_it_is =
        kind == TokenKind::control || kind == TokenKind::unknown || kind == TokenKind::user_defined;
    pieces.push_back(as_it_is ? vocabulary.tokens[i] : lenient_bytes(vocabulary.tokens[i]));
  }
  return pieces;
}

}  // namespace

ByteBpe::ByteBpe(const Vocabulary& vocabulary, CheckedSpecials checked, PreTokenizer pre_tokenizer)
    : TokenizerBase(vocabulary, std::move(checked), pieces_of(vocabulary)),
      pre_tokenizer_(std::move(pre_tokenizer)),
      merges_(vocabulary.merges.size()) {
  for (unsigned byte = 0; byte < 256; ++byte) intern(std::string(1, static_cast<char>(byte)));
  add_tokens(vocabulary);
  add_merges(vocabulary);
  if (!pre_tokenizer_.whole_words_first()) symbols_ = {};
  MergeWorkspace workspace;
  std::vector<TokenId> replacement;
  encode_word(kReplacementCharacter, workspace, replacement);
  replacement_ = std::move(replacement);
}

std::uint32_t ByteBpe::intern(const std::string& bytes) {
  const auto [found, added] =
      symbols_.try_emplace(bytes, static_cast<std::uint32_t>(token_of_symbol_.size()));
  if (added) token_of_symbol_.push_back(-1);
  return found->second;
}

void ByteBpe::add_tokens(const Vocabulary& vocabulary) {
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    if (vocabulary.kinds[i] != TokenKind::normal) continue;
    const auto bytes = bytes_of_token(vocabulary.tokens[i]);
    if (!bytes || bytes->empty()) continue;
    TokenId& token = token_of_symbol_[intern(*bytes)];
    if (token < 0) token = static_cast<TokenId>(i);
  }
}

void ByteBpe::add_merges(const Vocabulary& vocabulary) {
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const auto left = bytes_of_token(vocabulary.merges[rank].first);
    const auto right = bytes_of_token(vocabulary.merges[rank].second);
    if (!left || !right || left->empty() || right->empty()) continue;  // no bytes lead there
    merges_.add(intern(*left), intern(*right),
                {static_cast<std::uint32_t>(rank), intern(*left + *right)});
  }
}

void ByteBpe::encode_text(std::string_view text, bool /*begins*/,
                          std::vector<TokenId>& tokens) const {
  MergeWorkspace workspace;
  for (std::string_view word : pre_tokenizer_.split(text)) {
    while (word.size() > kLongestWord) {
      encode_word(word.substr(0, kLongestWord), workspace, tokens);
      word.remove_prefix(kLongestWord);
    }
    encode_word(word, workspace, tokens);
  }
}

void ByteBpe::encode_word(std::string_view word, MergeWorkspace& workspace,
                          std::vector<TokenId>& tokens) const {
  if (pre_tokenizer_.whole_words_first()) {
    const auto whole = symbols_.find(word);
    if (whole != symbols_.end() && token_of_symbol_[whole->second] >= 0) {
      tokens.push_back(token_of_symbol_[whole->second]);
      return;
    }
  }
  auto& symbols = workspace.symbols;
  symbols.clear();
  for (std::size_t i = 0; i < word.size(); ++i) {
    symbols.push_back({.id = static_cast<std::uint8_t>(word[i]),
                       .begin = static_cast<std::uint32_t>(i),
                       .n_bytes = 1,
                       .with_next = {}});
  }
  if (symbols.empty()) return;
  merge_symbols(workspace, [&](const Symbol& left, const Symbol& right) {
    return merges_.find(left.id, right.id);
  });
  for (std::uint32_t i = 0; i != kNone; i = symbols[i].next) {
    const Symbol& symbol = symbols[i];
    const TokenId token = token_of_symbol_[symbol.id];
    if (token >= 0) {
      tokens.push_back(token);
    } else {
      append_without_token(word.substr(symbol.begin, symbol.n_bytes), tokens);
    }
  }
}

void ByteBpe::append_without_token(std::string_view bytes, std::vector<TokenId>& tokens) const {
  for (const char byte : bytes) {
    const TokenId token = token_of_symbol_[static_cast<std::uint8_t>(byte)];
    if (token >= 0) {
      tokens.push_back(token);
    } else if (!replacement_.empty()) {
      tokens.insert(tokens.end(), replacement_.begin(), replacement_.end());
    } else if (special().unknown) {
      tokens.push_back(*special().unknown);
    }
  }
}

}  // namespace wattle::engine
