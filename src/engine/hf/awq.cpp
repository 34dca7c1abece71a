#include "engine/hf/awq.hpp"

#include <array>
#include <cstring>

#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kBlock = 32;
constexpr std::size_t kBlockBytes = 20;
// Output 8·column + i is nibble kNibble[i] of the word.
constexpr std::array<unsigned, 8> kNibble = {0, 4, 1, 5, 2, 6, 3, 7};

unsigned nibble(std::span<const std::byte> words, std::size_t row, std::size_t n_out,
                std::size_t out) {
  const auto word = load<std::uint32_t>(&words[(row * (n_out / 8) + out / 8) * 4]);
  return (word >> (4 * kNibble[out % 8])) & 15U;
}

}  // namespace

std::vector<std::byte> awq_to_q4_1(const AwqMatrix& m) {
  const std::size_t n_blocks = m.n_in / kBlock;
  std::vector<std::byte> rows(m.n_out * n_blocks * kBlockBytes);
  for (std::size_t b = 0; b < n_blocks; ++b) {  // inputs outside: qweight is read in its order
    const std::size_t group = b * kBlock / m.group;
    for (std::size_t out = 0; out < m.n_out; ++out) {
      std::byte* block = &rows[(out * n_blocks + b) * kBlockBytes];
      const auto scale = load<std::uint16_t>(&m.scales[(group * m.n_out + out) * 2]);
      const auto zero = static_cast<float>(nibble(m.qzeros, group, m.n_out, out));
      const std::uint16_t offset = f32_to_f16(-zero * f16_to_f32(scale));
      std::memcpy(block, &scale, 2);
      std::memcpy(block + 2, &offset, 2);
      for (std::size_t i = 0; i < kBlock / 2; ++i) {
        const unsigned low = nibble(m.qweight, b * kBlock + i, m.n_out, out);
        const unsigned high = nibble(m.qweight, b * kBlock + i + kBlock / 2, m.n_out, out);
        block[4 + i] = static_cast<std::byte>(low | (high << 4U));
      }
    }
  }
  return rows;
}

}  // namespace wattle::engine
