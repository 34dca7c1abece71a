#include "compress/model_source.hpp"

#include <cstring>

#include "engine/config.hpp"

namespace wattle::compress {
namespace {

constexpr std::uint32_t kU32 = 4;

void put_if_absent(engine::GgufKeys& keys, const std::string& key, std::uint64_t value) {
  for (const auto& [name, known] : keys) {
    if (name == key) return;
  }
  keys.emplace_back(key, engine::GgufValue{kU32, value});
}

Result<ModelSource> folder_source(engine::GgufFile file, const std::filesystem::path& folder) {
  ModelSource source;
  source.is_folder = true;
  WATTLE_TRY(const engine::ModelConfig config, engine::read_config(file));
  for (const auto& [key, value] : file.metadata()) {
    if (!key.starts_with("wattle.")) source.keys.emplace_back(key, value);
  }
  put_if_absent(source.keys, config.architecture + ".vocab_size", config.n_vocab);
  put_if_absent(source.keys, config.architecture + ".rope.dimension_count", config.rope_dims);
  WATTLE_TRY(auto vocabulary, engine::tokenizer_keys(folder, config.n_vocab));
  for (auto& entry : vocabulary) source.keys.push_back(std::move(entry));
  const auto* architecture = engine::find_architecture(config.architecture);
  source.pairs_rows = architecture->rope == engine::Architecture::Rope::interleaved;
  source.head_dim = config.head_dim;
  source.rope_dims = config.rope_dims;
  source.file = std::move(file);
  return source;
}

}  // namespace

Result<ModelSource> open_source(const std::filesystem::path& path) {
  WATTLE_TRY(engine::GgufFile file, engine::open_weights(path));
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return folder_source(std::move(file), path);
  ModelSource source;
  for (const auto& [key, value] : file.metadata()) {
    if (!key.starts_with("split.")) source.keys.emplace_back(key, value);
  }
  source.file = std::move(file);
  return source;
}

bool is_rotated(const engine::TensorInfo& tensor) {
  for (const char* part : {".attn_q.weight", ".attn_k.weight", ".attn_q.bias", ".attn_k.bias"}) {
    if (tensor.name.ends_with(part)) return true;
  }
  return false;
}

std::vector<std::byte> paired_rows(std::span<const std::byte> rows, std::size_t row_bytes,
                                   std::size_t head_dim, std::size_t rope_dims) {
  std::vector<std::byte> out(rows.size());
  const std::size_t n_rows = rows.size() / row_bytes;
  for (std::size_t row = 0; row < n_rows; ++row) {
    const std::size_t head = row / head_dim * head_dim;
    const std::size_t i = row % head_dim;
    const std::size_t half = rope_dims / 2;
    std::size_t to = i;
    if (i < half) to = 2 * i;
    if (i >= half && i < rope_dims) to = 2 * (i - half) + 1;
    std::memcpy(out.data() + (head + to) * row_bytes, rows.data() + row * row_bytes, row_bytes);
  }
  return out;
}

}  // namespace wattle::compress
