#pragma once
// The vocabulary of a trained model: SentencePiece BPE pieces, with number pieces in front.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::engine {
class GgufWriter;
}

namespace wattle::learn {

// GGUF token types.
enum class TokenType : std::int32_t { normal = 1, unknown = 2, control = 3, byte = 6 };

struct Vocabulary {
  std::vector<std::string> tokens;  // "▁" for a space, "<0x0A>" for bytes
  std::vector<float> scores;        // higher merges first
  std::vector<TokenType> types;
  std::int32_t unknown = 0;
  std::int32_t bos = 1;
  std::int32_t eos = 2;

  [[nodiscard]] std::size_t size() const { return tokens.size(); }
};

// <unk>, <s>, </s>, 256 bytes, number pieces, then `pieces` (in merge order, without duplicates).
//
// Digits are single tokens, but for the head of a number ("▁71", "▁0.00") and its tenths (".3"). A
// number then costs two or three tokens, and digits after the head keep their place value. Number
// pieces come first in the merge order, so that every number is split the same way wherever it
// stands.
[[nodiscard]] Vocabulary assemble_vocabulary(std::span<const std::string> pieces);
// The tokenizer.ggml.* metadata of a GGUF file.
void write_vocabulary(engine::GgufWriter& writer, const Vocabulary& vocabulary);

}  // namespace wattle::learn
