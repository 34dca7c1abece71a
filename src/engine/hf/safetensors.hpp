#pragma once
// safetensors: u64 length of a JSON header, the header, then the tensors' bytes. Source: the
// format's README (github.com/huggingface/safetensors).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.hpp"
#include "base/result.hpp"

namespace wattle::engine {

enum class SafetensorType : std::uint8_t { f32, f16, bf16, i32, other };

struct Safetensor {
  std::string name;
  SafetensorType type = SafetensorType::other;
  std::string type_name;             // "BF16", as in the file
  std::vector<std::uint64_t> shape;  // outermost dimension first
  std::span<const std::byte> bytes;  // inside the mapping; offset() from its start
};

class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  // Parses bytes that outlive the object (fuzzing, tests); `source` names them in errors. Every
  // tensor lies within the file and has the bytes that its type and shape ask for.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes, const std::string& source);

  [[nodiscard]] std::span<const Safetensor> tensors() const { return tensors_; }
  [[nodiscard]] const std::shared_ptr<const MappedFile>& mapping() const { return mapping_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  std::shared_ptr<const MappedFile> mapping_;
  std::span<const std::byte> bytes_;
  std::string source_;
  std::vector<Safetensor> tensors_;
};

}  // namespace wattle::engine
