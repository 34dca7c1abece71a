#pragma once
// Writes GGUF v3. Metadata and tensor shapes are declared first; tensor data is then streamed, one
// tensor at a time, so memory stays bounded by one tensor. The file appears whole or not at all.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/result.hpp"
#include "engine/gguf.hpp"

namespace wattle::engine {

class GgufWriter {
 public:
  void set_uint32(std::string key, std::uint32_t value);
  void set_uint64(std::string key, std::uint64_t value);
  void set_float32(std::string key, float value);
  void set_bool(std::string key, bool value);
  void set_string(std::string key, std::string value);
  void set_strings(std::string key, std::vector<std::string> values);
  void set_floats32(std::string key, std::vector<float> values);
  void set_ints32(std::string key, std::vector<std::int32_t> values);
  // Any value as read from another file (keeps its type).
  void set(std::string key, GgufValue value);

  // `produce` is called once, in order, when the file is written; it must call `sink` with pieces
  // that add up to exactly the tensor's bytes.
  using Sink = std::function<Status(std::span<const std::byte>)>;
  using Producer = std::function<Status(const Sink& sink)>;
  // shape[0] is the contiguous dimension.
  void add_tensor(std::string name, TensorType type, std::vector<std::uint64_t> shape,
                  Producer produce);

  // Called as bytes are written, with bytes done and bytes in all (progress bars), at last with the
  // two equal; may be empty.
  using OnProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;
  [[nodiscard]] Status write(const std::filesystem::path& path,
                             const OnProgress& on_progress = {}) const;

 private:
  struct Tensor {
    std::string name;
    TensorType type;
    std::vector<std::uint64_t> shape;
    Producer produce;
  };
  std::vector<std::pair<std::string, GgufValue>> metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace wattle::engine
