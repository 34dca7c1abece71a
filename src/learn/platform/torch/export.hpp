#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "learn/platform/torch/network.hpp"
#include "learn/vocabulary.hpp"

namespace wattle::learn {

// Writes the network as a GGUF file of the llama architecture, matrices in F16, norms in F32.
[[nodiscard]] Status export_gguf(const Network& network, const Vocabulary& vocabulary,
                                 const std::string& name, const std::filesystem::path& path);

}  // namespace wattle::learn
