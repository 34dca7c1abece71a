#pragma once
// A Hugging Face model folder (config.json, *.safetensors) as the engine sees a GGUF file: the same
// keys, names and types. Weights stay in the mapped files; only small vectors and AWQ matrices are
// made anew in memory.

#include <filesystem>

#include "base/result.hpp"
#include "engine/gguf.hpp"

namespace wattle::engine {

[[nodiscard]] bool is_hf_folder(const std::filesystem::path& path);
// Without the tokenizer. The key wattle.rope_half_split says that queries and keys have Hugging
// Face's order of dimensions.
[[nodiscard]] Result<GgufFile> open_hf_folder(const std::filesystem::path& folder);

}  // namespace wattle::engine
