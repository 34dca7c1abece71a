#pragma once
// Which tokens are BOS, EOS and so on: the settings of the folder, the file's own template and the
// names that everyone knows, put together.

#include <span>
#include <vector>

#include "engine/tokenizer/huggingface/bpe_model.hpp"
#include "engine/tokenizer/huggingface/json_tokenizer.hpp"

namespace wattle::engine::huggingface {

// `tokens` [n_tokens] are all tokens by id. Errors name `source`: an id that is not in the
// vocabulary, an EOS (or a BOS that shall be added) that no token bears.
[[nodiscard]] Result<Specials> find_specials(const Parts& parts, std::span<const TokenText> tokens,
                                             const SpecialTokenSettings& settings,
                                             const std::string& source);

}  // namespace wattle::engine::huggingface
