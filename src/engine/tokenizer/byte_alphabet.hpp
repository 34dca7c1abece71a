#pragma once
// Byte-level BPE writes each byte as one visible character: printable Latin-1 as itself, the other
// 68 bytes as U+0100 onwards, in order (Radford et al. 2019, bytes_to_unicode).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wattle::engine {

// The character that stands for `byte`, as UTF-8.
[[nodiscard]] std::string alphabet_character(std::uint8_t byte);

// The bytes that `token` stands for; nullopt if a character is not of the alphabet.
[[nodiscard]] std::optional<std::string> bytes_of_token(std::string_view token);

}  // namespace wattle::engine
