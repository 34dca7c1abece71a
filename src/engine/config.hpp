#pragma once
// The keys of a GGUF file that describe a model's shape, checked.

#include <cstdint>

#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/model.hpp"

namespace wattle::engine {

// What sets an architecture apart, beyond sizes. One row of the table in config.cpp each; what a
// flag means is in forward.cpp and transformer.cpp, which read nothing else.
struct Architecture {
  enum class Norm : std::uint8_t { rms, layer };               // layer: with mean and bias
  enum class Rope : std::uint8_t { interleaved, half_split };  // which dimensions form a pair
  enum class Gate : std::uint8_t { silu, gelu };
  enum class Window : std::uint8_t { every_layer, every_other_layer };

  const char* name;  // general.architecture, and the prefix of its keys
  Norm norm = Norm::rms;
  Rope rope = Rope::half_split;
  Gate gate = Gate::silu;
  Window window = Window::every_layer;
  std::uint32_t default_window = 0;
  bool fused_qkv = false;         // attn_qkv: the rows of q, k, v
  bool fused_gate_up = false;     // ffn_up: the rows of gate, up
  bool head_norms = false;        // RMSNorm of each head's query and key
  bool post_norms = false;        // also a norm after attention and after the feed-forward part
  bool scaled_embedding = false;  // · √d_model
  // 27 B models of this depth scale scores by √(d_model / n_heads) instead of √head_dim.
  std::uint32_t wide_scale_layers = 0;
};

// nullptr: not supported.
[[nodiscard]] const Architecture* find_architecture(const std::string& name);

// Errors name the file, the key, and what would be valid.
[[nodiscard]] Result<ModelConfig> read_config(const GgufFile& file);

}  // namespace wattle::engine
