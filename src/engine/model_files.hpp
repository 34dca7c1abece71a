#pragma once
// What a model is made of on disk: a GGUF file (or all files of a split one), or the folder of a
// Hugging Face model.

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::engine {

// Keys and tensors. A folder's look like those of a GGUF file (docs/formats/huggingface.md), its
// chat template included, its vocabulary not. Errors: neither kind; what is wrong with the file.
[[nodiscard]] Result<GgufFile> open_weights(const std::filesystem::path& path);

struct ModelFiles {
  GgufFile weights;
  std::shared_ptr<const Tokenizer> tokenizer;
};
[[nodiscard]] Result<ModelFiles> open_model_files(const std::filesystem::path& path);

// A folder's tokenizer as the keys tokenizer.ggml.* that a GGUF file has, for `n_tokens` rows of
// the embedding. The pre-tokenizer's name is found by trying which of the known ones gives the same
// ids as the folder's own tokenizer on a text of many scripts. unsupported: none does.
using GgufKeys = std::vector<std::pair<std::string, GgufValue>>;
[[nodiscard]] Result<GgufKeys> tokenizer_keys(const std::filesystem::path& folder,
                                              std::size_t n_tokens);

}  // namespace wattle::engine
