#include "engine/gguf_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "base/bytes.hpp"
#include "engine/gguf_parser.hpp"

namespace wattle::engine {
namespace {

constexpr std::uint64_t kDefaultAlignment = 32;

// The part of the file before the tensor data, built in memory: metadata is small.
class HeaderBytes {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
    bytes_.append(bytes.data(), bytes.size());
  }
  void put_raw(std::string_view text) { bytes_ += text; }
  void put_string(std::string_view text) {
    put(static_cast<std::uint64_t>(text.size()));
    bytes_ += text;
  }
  void pad_to(std::uint64_t alignment) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, '\0');
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Writes a number under the file type `type`; false if it is of another kind or does not fit.
template <class File, class Kept>
bool put_number(HeaderBytes& out, Kept value) {
  if constexpr (std::is_integral_v<File>) {
    if (!std::in_range<File>(value)) return false;
  }
  out.put(static_cast<File>(value));
  return true;
}

template <class Kept>
bool put_scalar(HeaderBytes& out, std::uint32_t type, Kept value) {
  const auto kind = static_cast<GgufType>(type);
  if constexpr (std::is_same_v<Kept, double>) {
    if (kind == GgufType::f32) return put_number<float>(out, value);
    if (kind == GgufType::f64) return put_number<double>(out, value);
  } else if constexpr (std::is_same_v<Kept, std::uint64_t>) {
    if (kind == GgufType::u8) return put_number<std::uint8_t>(out, value);
    if (kind == GgufType::u16) return put_number<std::uint16_t>(out, value);
    if (kind == GgufType::u32) return put_number<std::uint32_t>(out, value);
    if (kind == GgufType::u64) return put_number<std::uint64_t>(out, value);
    if (kind == GgufType::boolean) return value <= 1 && put_number<std::uint8_t>(out, value);
  } else {
    if (kind == GgufType::i8) return put_number<std::int8_t>(out, value);
    if (kind == GgufType::i16) return put_number<std::int16_t>(out, value);
    if (kind == GgufType::i32) return put_number<std::int32_t>(out, value);
    if (kind == GgufType::i64) return put_number<std::int64_t>(out, value);
  }
  return false;
}

bool put_array(HeaderBytes& out, const GgufArray& array) {
  out.put(array.element_type);
  out.put(static_cast<std::uint64_t>(array.size()));
  return std::visit(
      [&](const auto& values) {
        using Element = typename std::decay_t<decltype(values)>::value_type;
        for (const auto& value : values) {
          if constexpr (std::is_same_v<Element, std::string>) {
            if (static_cast<GgufType>(array.element_type) != GgufType::string) return false;
            out.put_string(value);
          } else if constexpr (std::is_same_v<Element, GgufArray>) {
            if (static_cast<GgufType>(array.element_type) != GgufType::array) return false;
            if (!put_array(out, value)) return false;
          } else {
            if (!put_scalar(out, array.element_type, value)) return false;
          }
        }
        return true;
      },
      array.values);
}

bool put_value(HeaderBytes& out, const GgufValue& value) {
  out.put(value.type);
  const auto kind = static_cast<GgufType>(value.type);
  return std::visit(
      [&](const auto& content) {
        using Content = std::decay_t<decltype(content)>;
        if constexpr (std::is_same_v<Content, std::string>) {
          out.put_string(content);
          return kind == GgufType::string;
        } else if constexpr (std::is_same_v<Content, bool>) {
          out.put(static_cast<std::uint8_t>(content ? 1 : 0));
          return kind == GgufType::boolean;
        } else if constexpr (std::is_same_v<Content, GgufArray>) {
          return kind == GgufType::array && put_array(out, content);
        } else {
          return put_scalar(out, value.type, content);
        }
      },
      value.value);
}

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

GgufValue array_value(GgufType element_type, decltype(GgufArray::values) values) {
  return {static_cast<std::uint32_t>(GgufType::array),
          GgufArray{static_cast<std::uint32_t>(element_type), std::move(values)}};
}

std::unexpected<Error> refuse(const std::filesystem::path& path, const std::string& what) {
  return fail(ErrorCode::invalid_argument, fmt::format("cannot write {}: {}", path.string(), what));
}

Result<std::uint64_t> tensor_bytes(const std::filesystem::path& path, const std::string& name,
                                   TensorType type, const std::vector<std::uint64_t>& shape) {
  const auto bad = [&](const std::string& what) {
    return refuse(path, fmt::format("tensor '{}' {}", printable(name), what));
  };
  if (name.empty() || name.size() > kMaxTensorNameBytes)
    return bad("needs a name of 1 to 64 bytes");
  if (shape.empty() || shape.size() > kMaxDimensions) return bad("needs 1 to 4 dimensions");
  if (std::ranges::count(shape, 0U) != 0) return bad("has a dimension of size 0");
  const auto row = row_bytes(type, shape[0]);
  if (!row) return bad("has " + row.error().what);
  std::uint64_t total = *row;
  for (std::size_t d = 1; d < shape.size(); ++d) {
    if (shape[d] > (std::uint64_t{1} << 62U) / total) return bad("overflows 64 bits");
    total *= shape[d];
  }
  return total;
}

// Says at once, rather than after minutes of writing, that a file cannot fit.
Status check_space(const std::filesystem::path& path, std::uint64_t n_bytes) {
  std::error_code error;
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const auto space = std::filesystem::space(folder, error);
  if (error || space.free >= n_bytes) return {};
  return fail(ErrorCode::no_space,
              fmt::format("cannot write {}: it needs {}, and {} are free", path.string(),
                          format_bytes(n_bytes), format_bytes(space.free)),
              "Free some space, or choose another disk.");
}

}  // namespace

void GgufWriter::set(std::string key, GgufValue value) {
  const auto found = std::ranges::find(metadata_, key, &std::pair<std::string, GgufValue>::first);
  if (found != metadata_.end()) {
    found->second = std::move(value);
  } else {
    metadata_.emplace_back(std::move(key), std::move(value));
  }
}

void GgufWriter::set_uint32(std::string key, std::uint32_t value) {
  set(std::move(key), {static_cast<std::uint32_t>(GgufType::u32), std::uint64_t{value}});
}

void GgufWriter::set_uint64(std::string key, std::uint64_t value) {
  set(std::move(key), {static_cast<std::uint32_t>(GgufType::u64), value});
}

void GgufWriter::set_float32(std::string key, float value) {
  set(std::move(key), {static_cast<std::uint32_t>(GgufType::f32), static_cast<double>(value)});
}

void GgufWriter::set_bool(std::string key, bool value) {
  set(std::move(key), {static_cast<std::uint32_t>(GgufType::boolean), value});
}

void GgufWriter::set_string(std::string key, std::string value) {
  set(std::move(key), {static_cast<std::uint32_t>(GgufType::string), std::move(value)});
}

void GgufWriter::set_strings(std::string key, std::vector<std::string> values) {
  set(std::move(key), array_value(GgufType::string, std::move(values)));
}

void GgufWriter::set_floats32(std::string key, std::vector<float> values) {
  set(std::move(key),
      array_value(GgufType::f32, std::vector<double>(values.begin(), values.end())));
}

void GgufWriter::set_ints32(std::string key, std::vector<std::int32_t> values) {
  set(std::move(key),
      array_value(GgufType::i32, std::vector<std::int64_t>(values.begin(), values.end())));
}

void GgufWriter::add_tensor(std::string name, TensorType type, std::vector<std::uint64_t> shape,
                            Producer produce) {
  tensors_.push_back({std::move(name), type, std::move(shape), std::move(produce)});
}

Status GgufWriter::write(const std::filesystem::path& path, const OnProgress& on_progress) const {
  std::uint64_t alignment = kDefaultAlignment;
  HeaderBytes header;
  header.put_raw("GGUF");
  header.put(std::uint32_t{3});
  header.put(static_cast<std::uint64_t>(tensors_.size()));
  header.put(static_cast<std::uint64_t>(metadata_.size()));
  for (const auto& [key, value] : metadata_) {
    if (key.empty() || key.size() > kMaxKeyBytes)
      return refuse(path, "a metadata key needs 1 to 65535 bytes");
    header.put_string(key);
    if (!put_value(header, value)) {
      return refuse(path, fmt::format("the value of key '{}' does not fit its type {}",
                                      printable(key), gguf_type_name(value.type)));
    }
    if (key == "general.alignment") {
      const auto* number = std::get_if<std::uint64_t>(&value.value);
      if (number == nullptr || !is_valid_alignment(*number)) {
        return refuse(path, "general.alignment must be a power of two from 8 to 1048576");
      }
      alignment = *number;
    }
  }
  std::uint64_t offset = 0;
  std::unordered_set<std::string_view> names;
  std::vector<std::uint64_t> sizes;
  for (const auto& tensor : tensors_) {
    WATTLE_TRY(const auto n_bytes, tensor_bytes(path, tensor.name, tensor.type, tensor.shape));
    if (!names.insert(tensor.name).second) {
      return refuse(path, fmt::format("tensor '{}' appears twice", printable(tensor.name)));
    }
    header.put_string(tensor.name);
    header.put(static_cast<std::uint32_t>(tensor.shape.size()));
    for (const std::uint64_t extent : tensor.shape) header.put(extent);
    header.put(static_cast<std::uint32_t>(tensor.type));
    header.put(offset);
    sizes.push_back(n_bytes);
    offset = align_up(offset + n_bytes, alignment);
  }
  header.pad_to(alignment);

  const std::uint64_t total = header.bytes().size() + offset;
  WATTLE_TRY(AtomicFile file, AtomicFile::create(path));
  WATTLE_CHECK(check_space(path, total));
  WATTLE_CHECK(file.write(header.bytes()));
  const std::string padding(alignment, '\0');
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    std::uint64_t written = 0;
    const Sink sink = [&](std::span<const std::byte> piece) -> Status {
      if (piece.size() > sizes[i] - written) {
        return refuse(path, fmt::format("tensor '{}' got more than its {} bytes",
                                        printable(tensors_[i].name), sizes[i]));
      }
      written += piece.size();
      WATTLE_CHECK(file.write(piece));
      if (on_progress) on_progress(file.bytes_written(), total);
      return {};
    };
    WATTLE_CHECK(tensors_[i].produce(sink));
    if (written != sizes[i]) {
      return refuse(path, fmt::format("tensor '{}' got {} of its {} bytes",
                                      printable(tensors_[i].name), written, sizes[i]));
    }
    const std::uint64_t gap = align_up(written, alignment) - written;
    WATTLE_CHECK(file.write(std::string_view(padding).substr(0, gap)));
  }
  if (on_progress) on_progress(total, total);
  return file.commit();
}

}  // namespace wattle::engine
