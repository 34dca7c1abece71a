#pragma once
// config.json of a Hugging Face model folder, as the metadata that a GGUF file of the model has.

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "engine/gguf.hpp"

namespace wattle::engine {

struct HfConfig {
  std::string architecture;  // as in GGUF: "llama", "qwen2", …
  std::vector<std::pair<std::string, GgufValue>> metadata;
  bool norms_plus_one = false;  // gemma: stored norm weights are w, the model means 1 + w
  bool tied_output = false;
  // Divisors of the rotation frequencies; empty: none. Longrope has both, Llama 3 the first.
  std::vector<float> rope_factors;
  std::vector<float> long_rope_factors;
  bool awq = false;
  std::uint64_t awq_group = 0;
};

// `source` names the file in errors.
[[nodiscard]] Result<HfConfig> read_hf_config(const Json& config, const std::string& source);

}  // namespace wattle::engine
