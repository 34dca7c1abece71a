// The formats whose four bits are an index into a table of levels.
#include <array>
#include <bit>

#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

using Levels = std::array<std::int8_t, 16>;

// Levels of IQ4_NL and IQ4_XS: denser around zero, where most weights are.
constexpr Levels kNonLinear = {-127, -104, -83, -65, -49, -35, -22, -10,
                               1,    13,   25,  38,  53,  69,  89,  113};
// Levels of MXFP4, doubled: E2M1 of the OCP Microscaling Formats specification 1.0, section 5.3.3.
constexpr Levels kTwiceE2m1 = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

void look_up(const std::byte* nibbles, const Levels& levels, float scale, SubBlock& out) {
  set_both(out.scale, scale);
  set_both(out.min, 0.0F);
  read_nibbles(nibbles, out);
  for (std::uint8_t& q : out.q) q = static_cast<std::uint8_t>(levels[q] + 128);
}

// 2^(e − 128): half the E8M0 scale of the specification, since the levels are doubled.
float half_e8m0(unsigned e) {
  if (e < 2) return std::bit_cast<float>(0x00200000U << e);  // subnormal
  return std::bit_cast<float>((e - 1U) << 23U);
}

}  // namespace

// f16 d, 16 bytes of indices.
void read_iq4_nl(const std::byte* block, std::size_t, SubBlock& out) {
  look_up(block + 2, kNonLinear, f16_to_f32(load<std::uint16_t>(block)), out);
}

// f16 d, u16 of upper and 4 bytes of lower bits of eight 6-bit scales, then 8 × 16 bytes of
// indices.
void read_iq4_xs(const std::byte* block, std::size_t sub, SubBlock& out) {
  const float d = f16_to_f32(load<std::uint16_t>(block));
  const unsigned low = (load_u8(block + 4 + sub / 2) >> (4 * (sub % 2))) & 15U;
  const unsigned high = (unsigned{load<std::uint16_t>(block + 2)} >> (2 * sub)) & 3U;
  const float scale = d * static_cast<float>(static_cast<int>(low | (high << 4U)) - 32);
  look_up(block + 8 + 16 * sub, kNonLinear, scale, out);
}

// u8 exponent, 16 bytes of indices.
void read_mxfp4(const std::byte* block, std::size_t, SubBlock& out) {
  look_up(block + 1, kTwiceE2m1, half_e8m0(load_u8(block)), out);
}

}  // namespace wattle::engine
