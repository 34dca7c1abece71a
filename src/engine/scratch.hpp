#pragma once
// Activations of one forward pass: memory that a caller keeps between passes.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/matrix.hpp"
#include "engine/transformer.hpp"

namespace wattle::engine {

// Of up to `capacity` rows. A row is one position of one sequence.
struct Scratch {
  // Makes room for n rows of sequences of up to `context` positions. What the rows held is lost if
  // the scratch grows.
  void reserve(const Transformer& model, std::size_t n, std::uint32_t context);

  std::size_t capacity = 0;
  std::vector<float> hidden;        // [capacity, d_model]  the residual stream
  std::vector<float> cosine, sine;  // [capacity, rope_dims / 2]
  // The rows that take part in a layer, one after another:
  std::vector<float> normed;               // [capacity, d_model]
  std::vector<float> q;                    // [capacity, n_heads·head_dim]
  std::vector<float> k, v;                 // [capacity, n_kv_heads·head_dim]
  std::vector<float> attended;             // [capacity, n_heads·head_dim]
  std::vector<float> gate, up;             // [capacity, d_ff]
  std::vector<float> projected;            // [capacity, d_model]
  std::vector<ActivationBlock> quantized;  // of attended or gate, [capacity, columns / 32]
  std::vector<float> attention;            // [threads, attention_stride]: AttentionArgs::scratch
  std::size_t attention_stride = 0;
  std::size_t attention_rows = 0;  // that it is enough for
  std::size_t score_stride = 0;
  MatmulScratch matmul;
};

}  // namespace wattle::engine
