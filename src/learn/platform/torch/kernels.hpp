#pragma once
// Fused operations of the transformer block with hand-written gradients: one pass over memory where
// composed tensor operations need five to ten. One thread; same bits every time.

#include <torch/torch.h>

namespace wattle::learn {

// x: [n, d], weight: [d] → x / rms(x) · weight
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

// gate_up: [n, 2·f], gate in the first half → silu(gate) · up, [n, f]
torch::Tensor swiglu(const torch::Tensor& gate_up);

// Causal attention with rotary positions (interleaved pairs, as GGUF's llama architecture has
// them). qkv: [b·t, (n_heads + 2·n_kv_heads)·head_dim]; rope: [t, head_dim] as cos, sin pairs.
// → [b·t, n_heads·head_dim]
struct AttentionShape {
  std::int64_t batch, length, n_heads, n_kv_heads, head_dim;
};
torch::Tensor attention(const torch::Tensor& qkv, const torch::Tensor& rope,
                        const AttentionShape& shape);

// [t, head_dim]: cos and sin of position · base^(−2i/head_dim), pair by pair.
torch::Tensor rope_table(std::int64_t length, std::int64_t head_dim, double base);

}  // namespace wattle::learn
