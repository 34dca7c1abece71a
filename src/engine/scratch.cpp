#include "engine/scratch.hpp"

#include <algorithm>

namespace wattle::engine {
namespace {

constexpr std::size_t kScoreFloats = std::size_t{192} << 10U;

}  // namespace

void Scratch::reserve(const Transformer& model, std::size_t n, std::uint32_t context) {
  const ModelConfig& c = model.config();
  const std::size_t padded = (std::size_t{context} + kKeyGroup - 1) / kKeyGroup * kKeyGroup;
  if (padded > score_stride) {
    score_stride = padded;
    const std::size_t value_stride = (std::size_t{c.head_dim} + 15) / 16 * 16;
    // A context of a few thousand positions fits the second-level cache with all rows.
    attention_rows = std::clamp<std::size_t>(kScoreFloats / score_stride, 8, kMaxAttentionRows);
    attention_stride =
        attention_rows * (score_stride + value_stride) + kAttentionTile * value_stride;
    attention.resize(static_cast<std::size_t>(model.threads()) * attention_stride);
  }
  if (n <= capacity) return;
  const std::size_t d_q = std::size_t{c.n_heads} * c.head_dim;
  const std::size_t d_kv = std::size_t{c.n_kv_heads} * c.head_dim;
  capacity = n;
  for (auto* rows : {&hidden, &normed, &projected}) rows->resize(n * c.d_model);
  for (auto* rows : {&q, &attended}) rows->resize(n * d_q);
  for (auto* rows : {&k, &v}) rows->resize(n * d_kv);
  for (auto* rows : {&gate, &up}) rows->resize(n * c.d_ff);
  quantized.resize(n * (std::max(d_q, std::size_t{c.d_ff}) / kQuantBlock));
  for (auto* rows : {&cosine, &sine}) rows->resize(n * (c.rope_dims / 2));
}

}  // namespace wattle::engine
