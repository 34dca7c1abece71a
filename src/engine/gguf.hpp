#pragma once
// GGUF v2/v3 files, read through a read-only mapping. Every count, length, offset and product is
// checked against the file before use; nothing is copied but names and metadata.
// Format: docs/formats/gguf.md.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/mapped_file.hpp"
#include "base/result.hpp"
#include "engine/tensor_type.hpp"

namespace wattle::engine {

// Value type ids of the format.
enum class GgufType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};
// "u32", "string"; "?" for an id above the table.
[[nodiscard]] std::string_view gguf_type_name(std::uint32_t type);

struct GgufValue;

// An array of scalars of one type keeps its values; arrays of arrays nest.
struct GgufArray {
  std::uint32_t element_type = 0;           // GGUF value type id
  std::variant<std::vector<std::uint64_t>,  // unsigned integers and bool
               std::vector<std::int64_t>,   // signed integers
               std::vector<double>,         // f32, f64
               std::vector<std::string>, std::vector<GgufArray>>
      values;
  [[nodiscard]] std::size_t size() const;
};

struct GgufValue {
  std::uint32_t type = 0;  // GGUF value type id, 0–12
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray> value;
};

struct TensorInfo {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<std::uint64_t> shape;  // as in the file: shape[0] is the contiguous dimension
  std::uint64_t n_elements = 0;
  std::uint64_t n_bytes = 0;
  std::uint64_t offset = 0;  // from the start of the data section
  std::size_t part = 0;      // which file of a split model
};

// One file's bytes, or memory, that tensors lie in.
struct GgufPart {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
  std::size_t data_offset = 0;
};

// What a GGUF file says, from another source (hf/hf_folder.hpp).
struct GgufContent {
  std::string source;
  std::vector<std::pair<std::string, GgufValue>> metadata;
  std::vector<TensorInfo> tensors;  // within their parts, of distinct names
  std::vector<GgufPart> parts;
};

class GgufFile {
 public:
  // Any one of the files of a split model opens all of them; they must lie in one folder under
  // their names (…-00001-of-00003.gguf). Metadata is the first file's.
  static Result<GgufFile> open(const std::filesystem::path& path);
  // Parses bytes that outlive the object (fuzzing, tests); `source` names them in errors.
  static Result<GgufFile> parse(std::span<const std::byte> bytes, const std::string& source);

  // Precondition: keys and names are distinct, tensors lie within their parts.
  static GgufFile assemble(GgufContent content);

  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::size_t alignment() const { return alignment_; }
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] std::size_t file_bytes() const;  // of all parts
  [[nodiscard]] std::size_t n_files() const { return parts_.size(); }

  // Metadata in file order.
  [[nodiscard]] std::span<const std::pair<std::string, GgufValue>> metadata() const {
    return metadata_;
  }
  [[nodiscard]] const GgufValue* find(std::string_view key) const;
  // Absent → nullopt; present with another type → invalid_format naming file and key. Integers of
  // any width are accepted where they fit.
  [[nodiscard]] Result<std::optional<std::uint64_t>> get_uint(std::string_view key) const;
  [[nodiscard]] Result<std::optional<double>> get_float(std::string_view key) const;
  [[nodiscard]] Result<std::optional<bool>> get_bool(std::string_view key) const;
  [[nodiscard]] Result<std::optional<std::string>> get_string(std::string_view key) const;
  // As above, but absence is an error that names the key and what to do.
  [[nodiscard]] Result<std::uint64_t> require_uint(std::string_view key) const;
  [[nodiscard]] Result<std::string> require_string(std::string_view key) const;
  // nullptr if absent or not an array.
  [[nodiscard]] const GgufArray* find_array(std::string_view key) const;

  [[nodiscard]] std::span<const TensorInfo> tensors() const { return tensors_; }
  [[nodiscard]] const TensorInfo* find_tensor(std::string_view name) const;
  // The tensor's bytes inside the mapping; valid as long as this object (or a move of it) lives.
  [[nodiscard]] std::span<const std::byte> tensor_bytes(const TensorInfo& tensor) const;

 private:
  static Result<GgufFile> open_one(const std::filesystem::path& path);
  // Takes over the tensors of another part.
  Status append(GgufFile&& part);

  std::vector<GgufPart> parts_ = {{}};
  std::string source_;
  std::uint32_t version_ = 0;
  std::size_t alignment_ = 32;
  std::vector<std::pair<std::string, GgufValue>> metadata_;
  std::vector<TensorInfo> tensors_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Index = std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>>;
  Index metadata_index_;
  Index tensor_index_;

  friend class GgufParser;
};

}  // namespace wattle::engine
