#pragma once

#include <cstdint>

namespace wattle::learn {

// A llama-architecture model with tied embedding and output.
struct ModelShape {
  std::int64_t n_layers = 16;
  std::int64_t d_model = 128;
  std::int64_t d_ff = 256;
  std::int64_t n_heads = 4;
  std::int64_t n_kv_heads = 2;
  std::int64_t head_dim = 32;
  std::int64_t n_vocab = 0;
  std::int64_t context = 1024;
  double rope_base = 10000.0;
  double epsilon = 1e-5;

  bool operator==(const ModelShape&) const = default;
};

}  // namespace wattle::learn
