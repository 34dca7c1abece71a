#include "engine/gguf_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

namespace wattle::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read in place");

constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 20;
constexpr std::uint64_t kMinKeyBytes = 8 + 4 + 1;  // name length, type, value
constexpr std::uint64_t kMinTensorBytes =
    8 + 4 + 8 + 4 + 8;  // name length, dims, 1 dim, type, offset

constexpr const char* kDownloadAgain =
    "The file is damaged or incomplete: download or copy it again and compare its checksum.";

bool starts_with(std::span<const std::byte> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// What people pass by mistake, by first bytes.
const char* guess_other_format(std::span<const std::byte> bytes) {
  if (starts_with(bytes, "version https://git-lfs")) {
    return "It is a Git LFS pointer: fetch the real file with 'git lfs pull'.";
  }
  if (starts_with(bytes, "<!DOCTYPE") || starts_with(bytes, "<!doctype") ||
      starts_with(bytes, "<html")) {
    return "It is a web page, so the download went wrong: download the file itself.";
  }
  if (starts_with(bytes, "PK\x03\x04")) {
    return "It looks like a PyTorch checkpoint: convert the model to GGUF first.";
  }
  if (starts_with(bytes, "lmgg") || starts_with(bytes, "fmgg") || starts_with(bytes, "tjgg")) {
    return "It is in a format older than GGUF: download a GGUF of this model.";
  }
  if (bytes.size() > 8 && bytes[8] == std::byte{'{'}) {
    return "It looks like safetensors: convert the model to GGUF first.";
  }
  return "Name a model file in GGUF format.";
}

}  // namespace

bool is_valid_alignment(std::uint64_t alignment) {
  return std::has_single_bit(alignment) && alignment % 8 == 0 && alignment <= kMaxAlignment;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  return text.size() > 80 ? out + "…" : out;
}

std::unexpected<Error> GgufParser::truncated() const {
  return fail(ErrorCode::invalid_format,
              fmt::format("cannot read {}: the file ends at byte {}, inside {} (at byte {})",
                          source_, bytes_.size(), place_, position_),
              kDownloadAgain);
}

std::unexpected<Error> GgufParser::damaged(const std::string& what) const {
  return fail(
      ErrorCode::invalid_format,
      fmt::format("cannot read {}: {} {} (before byte {})", source_, place_, what, position_),
      kDownloadAgain);
}

Status GgufParser::require(std::uint64_t count, std::uint64_t size) {
  if (count > left() / size) return truncated();
  return {};
}

template <class T>
Result<T> GgufParser::read() {
  if (left() < sizeof(T)) return truncated();
  T value{};
  std::memcpy(&value, bytes_.data() + position_, sizeof(T));
  position_ += sizeof(T);
  return value;
}

Result<std::string> GgufParser::read_string(std::uint64_t limit) {
  WATTLE_TRY(const auto length, read<std::uint64_t>());
  if (length > limit && length <= left()) {
    return damaged(fmt::format("is {} bytes long where at most {} are allowed", length, limit));
  }
  WATTLE_CHECK(require(length, 1));
  std::string text(reinterpret_cast<const char*>(bytes_.data()) + position_, length);
  position_ += length;
  return text;
}

Result<GgufFile> GgufParser::parse() {
  file_.parts_[0].bytes = bytes_;
  file_.source_ = source_;
  WATTLE_CHECK(parse_header());
  WATTLE_CHECK(parse_metadata());
  WATTLE_CHECK(parse_tensor_table());
  WATTLE_CHECK(check_tensor_regions());
  return std::move(file_);
}

Status GgufParser::parse_header() {
  place_ = "the header";
  if (!starts_with(bytes_, "GGUF")) {
    const std::string what =
        bytes_.empty() ? std::string("it is empty") : std::string("it does not begin with 'GGUF'");
    return fail(ErrorCode::invalid_format, fmt::format("{} is not a GGUF file: {}", source_, what),
                guess_other_format(bytes_));
  }
  position_ = 4;
  WATTLE_TRY(const auto version, read<std::uint32_t>());
  if ((version & 0xFFFFU) == 0 && version != 0) {
    return fail(ErrorCode::unsupported,
                fmt::format("cannot read {}: it is a big-endian GGUF file", source_),
                "Download the little-endian file of this model.");
  }
  if (version < 2 || version > 3) {
    return fail(ErrorCode::unsupported,
                fmt::format("cannot read {}: GGUF version {} (at byte 4); Wattle reads versions 2 "
                            "and 3",
                            source_, version),
                version == 1   ? "Download a newer file of this model, or convert it again."
                : version == 0 ? kDownloadAgain
                               : "Update Wattle, or use a version 3 file of this model.");
  }
  file_.version_ = version;
  WATTLE_TRY(n_tensors_, read<std::uint64_t>());
  WATTLE_TRY(n_keys_, read<std::uint64_t>());
  if (n_keys_ > left() / kMinKeyBytes) {
    return damaged(fmt::format("promises {} metadata keys, more than the file can hold", n_keys_));
  }
  if (n_tensors_ > left() / kMinTensorBytes) {
    return damaged(fmt::format("promises {} tensors, more than the file can hold", n_tensors_));
  }
  return {};
}

Status GgufParser::parse_metadata() {
  for (std::uint64_t i = 0; i < n_keys_; ++i) {
    place_ = fmt::format("the name of metadata key {}", i);
    WATTLE_TRY(std::string key, read_string(kMaxKeyBytes));
    if (key.empty()) return damaged("is empty");
    place_ = fmt::format("key '{}'", printable(key));
    if (!file_.metadata_index_.emplace(key, file_.metadata_.size()).second) {
      return damaged("appears twice");
    }
    WATTLE_TRY(const auto type, read<std::uint32_t>());
    WATTLE_TRY(GgufValue value, parse_value(type));
    file_.metadata_.emplace_back(std::move(key), std::move(value));
  }
  place_ = "key 'general.alignment'";
  WATTLE_TRY(const auto alignment, file_.get_uint("general.alignment"));
  if (alignment) {
    if (!is_valid_alignment(*alignment)) {
      return damaged(fmt::format("is {}, which is not a power of two from 8 to {}", *alignment,
                                 kMaxAlignment));
    }
    file_.alignment_ = *alignment;
  }
  return {};
}

Result<GgufValue> GgufParser::parse_value(std::uint32_t type) {
  GgufValue out{type, {}};
  const auto store = [&out]<class Kept>(auto value) -> Result<GgufValue> {
    if (!value) return std::unexpected(value.error());
    out.value = static_cast<Kept>(*value);
    return std::move(out);
  };
  switch (static_cast<GgufType>(type)) {
    case GgufType::u8:
      return store.operator()<std::uint64_t>(read<std::uint8_t>());
    case GgufType::i8:
      return store.operator()<std::int64_t>(read<std::int8_t>());
    case GgufType::u16:
      return store.operator()<std::uint64_t>(read<std::uint16_t>());
    case GgufType::i16:
      return store.operator()<std::int64_t>(read<std::int16_t>());
    case GgufType::u32:
      return store.operator()<std::uint64_t>(read<std::uint32_t>());
    case GgufType::i32:
      return store.operator()<std::int64_t>(read<std::int32_t>());
    case GgufType::u64:
      return store.operator()<std::uint64_t>(read<std::uint64_t>());
    case GgufType::i64:
      return store.operator()<std::int64_t>(read<std::int64_t>());
    case GgufType::f32:
      return store.operator()<double>(read<float>());
    case GgufType::f64:
      return store.operator()<double>(read<double>());
    case GgufType::boolean: {
      WATTLE_TRY(const auto bit, read<std::uint8_t>());
      if (bit > 1) return damaged(fmt::format("is a bool with the value {}", bit));
      out.value = bit == 1;
      return out;
    }
    case GgufType::string: {
      WATTLE_TRY(out.value, read_string(std::numeric_limits<std::uint64_t>::max()));
      return out;
    }
    case GgufType::array: {
      WATTLE_TRY(out.value, parse_array(1));
      return out;
    }
  }
  return damaged(fmt::format("has the unknown value type {}", type));
}

template <class File, class Kept>
Status GgufParser::read_scalars(std::uint64_t count, GgufArray& array) {
  WATTLE_CHECK(require(count, sizeof(File)));
  std::vector<Kept> kept(count);
  const std::byte* from = bytes_.data() + position_;
  for (std::uint64_t i = 0; i < count; ++i) {
    File value{};
    std::memcpy(&value, from + i * sizeof(File), sizeof(File));
    kept[i] = static_cast<Kept>(value);  // NOLINT(bugprone-signed-char-misuse): i8 is a number
  }
  position_ += count * sizeof(File);
  array.values = std::move(kept);
  return {};
}

Result<GgufArray> GgufParser::parse_array(int depth) {
  if (depth > kMaxArrayDepth) {
    return damaged(fmt::format("nests arrays more than {} deep", kMaxArrayDepth));
  }
  GgufArray array;
  WATTLE_TRY(array.element_type, read<std::uint32_t>());
  WATTLE_TRY(const auto count, read<std::uint64_t>());
  if (count > kMaxArrayElements && count <= left()) {
    return damaged(
        fmt::format("is an array of {} elements; at most {} are read", count, kMaxArrayElements));
  }
  Status status;
  switch (static_cast<GgufType>(array.element_type)) {
    case GgufType::boolean: {
      status = read_scalars<std::uint8_t, std::uint64_t>(count, array);
      if (!status) break;
      const auto& bits = std::get<std::vector<std::uint64_t>>(array.values);
      if (std::ranges::any_of(bits, [](std::uint64_t bit) { return bit > 1; })) {
        return damaged("holds a bool that is neither 0 nor 1");
      }
      break;
    }
    case GgufType::u8:
      status = read_scalars<std::uint8_t, std::uint64_t>(count, array);
      break;
    case GgufType::u16:
      status = read_scalars<std::uint16_t, std::uint64_t>(count, array);
      break;
    case GgufType::u32:
      status = read_scalars<std::uint32_t, std::uint64_t>(count, array);
      break;
    case GgufType::u64:
      status = read_scalars<std::uint64_t, std::uint64_t>(count, array);
      break;
    case GgufType::i8:
      status = read_scalars<std::int8_t, std::int64_t>(count, array);
      break;
    case GgufType::i16:
      status = read_scalars<std::int16_t, std::int64_t>(count, array);
      break;
    case GgufType::i32:
      status = read_scalars<std::int32_t, std::int64_t>(count, array);
      break;
    case GgufType::i64:
      status = read_scalars<std::int64_t, std::int64_t>(count, array);
      break;
    case GgufType::f32:
      status = read_scalars<float, double>(count, array);
      break;
    case GgufType::f64:
      status = read_scalars<double, double>(count, array);
      break;
    case GgufType::string: {
      WATTLE_CHECK(require(count, 8));  // each has at least its length
      std::vector<std::string> strings;
      strings.reserve(count);
      for (std::uint64_t i = 0; i < count; ++i) {
        WATTLE_TRY(auto text, read_string(std::numeric_limits<std::uint64_t>::max()));
        strings.push_back(std::move(text));
      }
      array.values = std::move(strings);
      break;
    }
    case GgufType::array: {
      WATTLE_CHECK(require(count, 12));  // each has at least its type and length
      std::vector<GgufArray> inner;
      for (std::uint64_t i = 0; i < count; ++i) {
        WATTLE_TRY(auto element, parse_array(depth + 1));
        inner.push_back(std::move(element));
      }
      array.values = std::move(inner);
      break;
    }
    default:
      return damaged(fmt::format("is an array of the unknown type {}", array.element_type));
  }
  if (!status) return std::unexpected(status.error());
  return array;
}

Status GgufParser::parse_tensor_table() {
  for (std::uint64_t i = 0; i < n_tensors_; ++i) {
    place_ = fmt::format("the name of tensor {}", i);
    WATTLE_TRY(TensorInfo tensor, parse_tensor());
    if (!file_.tensor_index_.emplace(tensor.name, file_.tensors_.size()).second) {
      return damaged("appears twice");
    }
    file_.tensors_.push_back(std::move(tensor));
  }
  const std::size_t mask = file_.alignment_ - 1;
  file_.parts_[0].data_offset = (position_ + mask) & ~mask;
  return {};
}

Result<TensorInfo> GgufParser::parse_tensor() {
  TensorInfo tensor;
  WATTLE_TRY(tensor.name, read_string(kMaxTensorNameBytes));
  if (tensor.name.empty()) return damaged("is empty");
  place_ = fmt::format("tensor '{}'", printable(tensor.name));
  WATTLE_TRY(const auto n_dimensions, read<std::uint32_t>());
  if (n_dimensions < 1 || n_dimensions > kMaxDimensions) {
    return damaged(
        fmt::format("has {} dimensions; 1 to {} are allowed", n_dimensions, kMaxDimensions));
  }
  tensor.n_elements = 1;
  for (std::uint32_t d = 0; d < n_dimensions; ++d) {
    WATTLE_TRY(const auto extent, read<std::uint64_t>());
    if (extent == 0) return damaged(fmt::format("has the size 0 in dimension {}", d));
    // Signed 63-bit products, so that no later arithmetic on counts can overflow either.
    if (extent > (std::uint64_t{1} << 62U) / tensor.n_elements) {
      return damaged("has a size that overflows 64 bits");
    }
    tensor.n_elements *= extent;
    tensor.shape.push_back(extent);
  }
  WATTLE_TRY(const auto type_id, read<std::uint32_t>());
  const auto layout = tensor_type_info(type_id);
  if (!layout) {
    return fail(layout.error().code,
                fmt::format("cannot read {}: {}: {} (before byte {})", source_, place_,
                            layout.error().what, position_),
                layout.error().remedy);
  }
  tensor.type = layout->type;
  const auto bytes_in_row = row_bytes(tensor.type, tensor.shape[0]);
  if (!bytes_in_row) return damaged("has " + bytes_in_row.error().what);
  const std::uint64_t n_rows = tensor.n_elements / tensor.shape[0];
  if (*bytes_in_row > std::numeric_limits<std::uint64_t>::max() / n_rows) {
    return damaged("has a size that overflows 64 bits");
  }
  tensor.n_bytes = *bytes_in_row * n_rows;
  WATTLE_TRY(tensor.offset, read<std::uint64_t>());
  return tensor;
}

Status GgufParser::check_tensor_regions() const {
  const auto bad = [this](const TensorInfo& tensor, const std::string& what) {
    return fail(
        ErrorCode::invalid_format,
        fmt::format("cannot read {}: tensor '{}' {}", source_, printable(tensor.name), what),
        kDownloadAgain);
  };
  const std::uint64_t data_bytes =
      bytes_.size() > file_.parts_[0].data_offset ? bytes_.size() - file_.parts_[0].data_offset : 0;
  std::vector<const TensorInfo*> by_offset;
  for (const auto& tensor : file_.tensors_) {
    if (tensor.offset % file_.alignment_ != 0) {
      return bad(tensor, fmt::format("starts at data offset {}, which is not a multiple of the "
                                     "alignment {}",
                                     tensor.offset, file_.alignment_));
    }
    if (tensor.offset > data_bytes || tensor.n_bytes > data_bytes - tensor.offset) {
      return bad(tensor,
                 fmt::format("needs {} bytes from data offset {}, but the file ends at byte "
                             "{}, which is data offset {}",
                             tensor.n_bytes, tensor.offset, bytes_.size(), data_bytes));
    }
    by_offset.push_back(&tensor);
  }
  std::ranges::sort(by_offset, {}, &TensorInfo::offset);
  for (std::size_t i = 1; i < by_offset.size(); ++i) {
    const TensorInfo& before = *by_offset[i - 1];
    if (before.offset + before.n_bytes > by_offset[i]->offset) {
      return bad(before, fmt::format("overlaps tensor '{}'", printable(by_offset[i]->name)));
    }
  }
  return {};
}

}  // namespace wattle::engine
