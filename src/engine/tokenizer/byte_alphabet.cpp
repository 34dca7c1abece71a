#include "engine/tokenizer/byte_alphabet.hpp"

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

constexpr std::uint32_t kFirstExtra = 0x100;

constexpr bool stands_for_itself(std::uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<std::uint32_t, 256> point_of_byte{};
  std::array<std::int16_t, 0x144> byte_of_point{};

  constexpr Tables() {
    for (auto& byte : byte_of_point) byte = -1;
    std::uint32_t extra = kFirstExtra;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      point_of_byte[byte] = stands_for_itself(byte) ? byte : extra++;
      byte_of_point[point_of_byte[byte]] = static_cast<std::int16_t>(byte);
    }
  }
};
constexpr Tables kTables;

}  // namespace

std::string alphabet_character(std::uint8_t byte) {
  std::string text;
  append_utf8(kTables.point_of_byte[byte], text);
  return text;
}

std::optional<std::string> bytes_of_token(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const std::size_t length = utf8_length(token);
    if (length == 0) return std::nullopt;
    const std::uint32_t point = utf8_code_point(token, length);
    if (point >= kTables.byte_of_point.size() || kTables.byte_of_point[point] < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(kTables.byte_of_point[point]));
    token.remove_prefix(length);
  }
  return bytes;
}

}  // namespace wattle::engine
