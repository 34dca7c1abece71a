#pragma once
// The wire format of Protocol Buffers, as far as a SentencePiece model needs it: fields one after
// the other, each a number, four or eight bytes, or a counted string. Allocates nothing.
// https://protobuf.dev/programming-guides/encoding/

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wattle::engine {

class ProtobufReader {
 public:
  struct Field {
    std::uint32_t number = 0;
    enum class Type { varint, fixed64, bytes, fixed32 } type = Type::varint;
    std::uint64_t value = 0;  // of the three numeric types
    std::string_view bytes;

    [[nodiscard]] float as_float() const {
      return std::bit_cast<float>(static_cast<std::uint32_t>(value));
    }
    // Negative numbers are written with ten bytes.
    [[nodiscard]] std::int64_t as_int() const { return static_cast<std::int64_t>(value); }
  };

  explicit ProtobufReader(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  // The next field; nullopt at the end, and where the bytes are malformed: failed() tells.
  std::optional<Field> next() {
    if (rest_.empty() || failed_) return std::nullopt;
    Field field;
    const auto tag = varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > kLargestNumber) return fail();
    field.number = static_cast<std::uint32_t>(*tag >> 3);
    switch (*tag & 7) {
      case 0: {
        const auto value = varint();
        if (!value) return fail();
        field.value = *value;
        return field;
      }
      case 1:
        field.type = Field::Type::fixed64;
        return fixed(field, 8);
      case 2: {
        const auto size = varint();
        if (!size || *size > rest_.size()) return fail();
        field.type = Field::Type::bytes;
        field.bytes = rest_.substr(0, static_cast<std::size_t>(*size));
        rest_.remove_prefix(static_cast<std::size_t>(*size));
        return field;
      }
      case 5:
        field.type = Field::Type::fixed32;
        return fixed(field, 4);
      default:
        return fail();  // groups are not used any more
    }
  }

  [[nodiscard]] bool failed() const { return failed_; }
  // Bytes read so far.
  [[nodiscard]] std::size_t position() const { return size_ - rest_.size(); }

 private:
  static constexpr std::uint64_t kLargestNumber = (1U << 29) - 1;

  std::optional<Field> fail() {
    failed_ = true;
    return std::nullopt;
  }

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (rest_.empty()) return std::nullopt;
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<Field> fixed(Field field, std::size_t n_bytes) {
    if (rest_.size() < n_bytes) return fail();
    for (std::size_t i = n_bytes; i-- > 0;) {
      field.value = field.value << 8 | static_cast<std::uint8_t>(rest_[i]);
    }
    rest_.remove_prefix(n_bytes);
    return field;
  }

  std::string_view rest_;
  std::size_t size_;
  bool failed_ = false;
};

}  // namespace wattle::engine
