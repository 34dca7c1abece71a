#pragma once
// A model as GGUF has it, whatever it is read from.

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/model_files.hpp"

namespace wattle::compress {

struct ModelSource {
  engine::GgufFile file;
  engine::GgufKeys keys;   // to be written
  bool is_folder = false;  // vectors are to be written as F32
  // GGUF wants the rows of queries and keys in pairs, the folder has them in halves.
  bool pairs_rows = false;
  std::size_t head_dim = 0;
  std::size_t rope_dims = 0;
};

[[nodiscard]] Result<ModelSource> open_source(const std::filesystem::path& path);

// Are these the weights, or the bias, of queries or keys?
[[nodiscard]] bool is_rotated(const engine::TensorInfo& tensor);
// Rows in the order of pairs: of the first `rope_dims` rows of each head, old row i goes to 2i and
// old row rope_dims/2 + i to 2i + 1. `rows` are whole heads of rows of `row_bytes`.
[[nodiscard]] std::vector<std::byte> paired_rows(std::span<const std::byte> rows,
                                                 std::size_t row_bytes, std::size_t head_dim,
                                                 std::size_t rope_dims);

}  // namespace wattle::compress
