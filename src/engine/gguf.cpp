#include "engine/gguf.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "engine/gguf_parser.hpp"

namespace wattle::engine {

std::string_view gguf_type_name(std::uint32_t type) {
  constexpr std::array<std::string_view, 13> kNames{"u8",  "i8",  "u16",  "i16",    "u32",
                                                    "i32", "f32", "bool", "string", "array",
                                                    "u64", "i64", "f64"};
  return type < kNames.size() ? kNames[type] : "?";
}

std::size_t GgufArray::size() const {
  return std::visit([](const auto& list) { return list.size(); }, values);
}

Result<GgufFile> GgufFile::open_one(const std::filesystem::path& path) {
  WATTLE_TRY(MappedFile mapped, MappedFile::open(path));
  auto mapping = std::make_shared<const MappedFile>(std::move(mapped));
  WATTLE_TRY(GgufFile file, parse(mapping->bytes(), path.string()));
  file.parts_[0].owner = std::move(mapping);
  return file;
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes, const std::string& source) {
  return GgufParser(bytes, source).parse();
}

GgufFile GgufFile::assemble(GgufContent content) {
  GgufFile file;
  file.version_ = 3;
  file.source_ = std::move(content.source);
  file.metadata_ = std::move(content.metadata);
  file.tensors_ = std::move(content.tensors);
  file.parts_ = std::move(content.parts);
  for (std::size_t i = 0; i < file.metadata_.size(); ++i) {
    file.metadata_index_.emplace(file.metadata_[i].first, i);
  }
  for (std::size_t i = 0; i < file.tensors_.size(); ++i) {
    file.tensor_index_.emplace(file.tensors_[i].name, i);
  }
  return file;
}

std::size_t GgufFile::file_bytes() const {
  std::size_t bytes = 0;
  for (const GgufPart& part : parts_) bytes += part.bytes.size();
  return bytes;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = metadata_index_.find(key);
  return found == metadata_index_.end() ? nullptr : &metadata_[found->second].second;
}

const TensorInfo* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

std::span<const std::byte> GgufFile::tensor_bytes(const TensorInfo& tensor) const {
  const GgufPart& part = parts_[tensor.part];
  return part.bytes.subspan(part.data_offset + tensor.offset, tensor.n_bytes);
}

namespace {

std::unexpected<Error> wrong_type(const std::string& source, std::string_view key,
                                  const GgufValue& value, std::string_view wanted) {
  return fail(ErrorCode::invalid_format,
              fmt::format("cannot use {}: key '{}' should be {}, but is of type {}", source, key,
                          wanted, gguf_type_name(value.type)),
              "Convert the model again, or download another file of it.");
}

std::unexpected<Error> missing(const std::string& source, std::string_view key) {
  return fail(ErrorCode::invalid_format,
              fmt::format("cannot use {}: the metadata key '{}' is missing", source, key),
              "Convert the model again, or download another file of it.");
}

}  // namespace

Result<std::optional<std::uint64_t>> GgufFile::get_uint(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::uint64_t>(&value->value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value->value); number && *number >= 0) {
    return static_cast<std::uint64_t>(*number);
  }
  return wrong_type(source_, key, *value, "a non-negative integer");
}

Result<std::optional<double>> GgufFile::get_float(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<double>(&value->value)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&value->value)) {
    return static_cast<double>(*number);
  }
  if (const auto* number = std::get_if<std::int64_t>(&value->value)) {
    return static_cast<double>(*number);
  }
  return wrong_type(source_, key, *value, "a number");
}

Result<std::optional<bool>> GgufFile::get_bool(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* flag = std::get_if<bool>(&value->value)) return *flag;
  return wrong_type(source_, key, *value, "true or false");
}

Result<std::optional<std::string>> GgufFile::get_string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&value->value)) return *text;
  return wrong_type(source_, key, *value, "a string");
}

Result<std::uint64_t> GgufFile::require_uint(std::string_view key) const {
  WATTLE_TRY(const auto value, get_uint(key));
  if (!value) return missing(source_, key);
  return *value;
}

Result<std::string> GgufFile::require_string(std::string_view key) const {
  WATTLE_TRY(auto value, get_string(key));
  if (!value) return missing(source_, key);
  return *std::move(value);
}

const GgufArray* GgufFile::find_array(std::string_view key) const {
  const GgufValue* value = find(key);
  return value == nullptr ? nullptr : std::get_if<GgufArray>(&value->value);
}

}  // namespace wattle::engine
