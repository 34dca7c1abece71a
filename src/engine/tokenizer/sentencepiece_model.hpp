#pragma once
// tokenizer.model: the protobuf of a SentencePiece model (sentencepiece_model.proto), as a
// vocabulary for score BPE. docs/formats/tokenizer.md says which fields count.

#include <cstddef>
#include <span>
#include <string>

#include "base/result.hpp"
#include "engine/tokenizer/vocabulary.hpp"

namespace wattle::engine {

// Memory is linear in `bytes`. Errors name `source` and the byte or the field. unsupported: models
// other than BPE, and those whose normaliser changes the text.
[[nodiscard]] Result<Vocabulary> read_sentencepiece_model(std::span<const std::byte> bytes,
                                                          const std::string& source);

}  // namespace wattle::engine
