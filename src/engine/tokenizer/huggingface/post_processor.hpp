#pragma once
// The "post_processor" of tokenizer.json: which special tokens stand around an encoded text.

#include <vector>

#include "engine/tokenizer.hpp"
#include "engine/tokenizer/huggingface/place.hpp"

namespace wattle::engine::huggingface {

struct SurroundingTokens {
  std::vector<TokenId> before;
  std::vector<TokenId> behind;
};

// nullopt: none. The ids are as in the file: not yet checked against the vocabulary.
[[nodiscard]] Result<SurroundingTokens> read_post_processor(const std::optional<Place>& place);

}  // namespace wattle::engine::huggingface
