#pragma once
// A training run on disk: one file, written whole. Magic line, length of a JSON header, header
// (options, step, vocabulary pieces, tensor names and sizes), then raw little-endian floats.

#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::learn {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

[[nodiscard]] std::filesystem::path checkpoint_file(const std::filesystem::path& folder);
[[nodiscard]] Status save_checkpoint(const std::filesystem::path& folder, Json header,
                                     const NamedTensors& tensors);

struct Checkpoint {
  Json header;
  std::string floats;  // all tensors one after another
  std::filesystem::path file;
};
[[nodiscard]] Result<Checkpoint> read_checkpoint(const std::filesystem::path& folder);
// Copies the checkpoint's values into `tensors`; names and sizes must agree.
[[nodiscard]] Status restore(const Checkpoint& checkpoint, const NamedTensors& tensors);

}  // namespace wattle::learn
