#pragma once
// Attention of the rows of a layer: split into calls of the kernel and spread over threads.

#include <cstddef>
#include <span>

#include "engine/kv_cache.hpp"
#include "engine/matrix.hpp"
#include "engine/scratch.hpp"
#include "engine/transformer.hpp"

namespace wattle::engine {

struct AttentionRow {
  const KvTable* cache;  // of its sequence; holds the row's own position
  std::size_t position;
};

// scratch.q → scratch.attended, both [n_rows, n_heads·head_dim]. Returned is what the product after
// it takes: in 8 bits if it wants that. A row's bits do not depend on the others.
[[nodiscard]] Operand attend_rows(const Transformer& model, Scratch& scratch, std::size_t layer,
                                  std::span<const AttentionRow> rows);

}  // namespace wattle::engine
