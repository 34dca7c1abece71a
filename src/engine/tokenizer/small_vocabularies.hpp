#pragma once
// For tests and fuzzing: vocabularies small enough to work out every id by hand.

#include <fmt/format.h>

#include <string>

#include "engine/tokenizer/byte_alphabet.hpp"
#include "engine/tokenizer/vocabulary.hpp"

namespace wattle::engine {

// Puts a token behind the others and gives its id.
inline TokenId add_token(Vocabulary& vocabulary, std::string text, TokenKind kind,
                         float score = 0.0F) {
  vocabulary.tokens.push_back(std::move(text));
  vocabulary.kinds.push_back(kind);
  if (vocabulary.model == VocabularyModel::score_bpe) vocabulary.scores.push_back(score);
  return static_cast<TokenId>(vocabulary.tokens.size() - 1);
}

// 0 <unk>, 1 <s>, 2 </s>, then, if asked, byte b at 3 + b.
inline Vocabulary score_vocabulary(bool with_bytes = true) {
  Vocabulary vocabulary;
  vocabulary.source = "small.gguf";
  vocabulary.model = VocabularyModel::score_bpe;
  add_token(vocabulary, "<unk>", TokenKind::unknown);
  add_token(vocabulary, "<s>", TokenKind::control);
  add_token(vocabulary, "</s>", TokenKind::control);
  for (int byte = 0; with_bytes && byte < 256; ++byte) {
    add_token(vocabulary, fmt::format("<0x{:02X}>", byte), TokenKind::byte);
  }
  return vocabulary;
}

// Byte b is token b.
inline Vocabulary byte_vocabulary(std::string pre = "gpt-2") {
  Vocabulary vocabulary;
  vocabulary.source = "small.gguf";
  vocabulary.model = VocabularyModel::byte_bpe;
  vocabulary.pre = std::move(pre);
  for (unsigned byte = 0; byte < 256; ++byte) {
    add_token(vocabulary, alphabet_character(static_cast<std::uint8_t>(byte)), TokenKind::normal);
  }
  return vocabulary;
}

// Adds the merge and the token that it makes.
inline TokenId add_merge(Vocabulary& vocabulary, const std::string& left,
                         const std::string& right) {
  vocabulary.merges.emplace_back(left, right);
  return add_token(vocabulary, left + right, TokenKind::normal);
}

}  // namespace wattle::engine
