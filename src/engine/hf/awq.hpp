#pragma once
// AWQ weights of 4 bits in "GEMM" packing (AutoAWQ): w[in, out] = (q − z)·s with one zero point z
// and scale s for each `group` inputs.
//   qweight [n_in, n_out/8] i32: nibble i holds output 8·column + (0, 2, 4, 6, 1, 3, 5, 7)[i]
//   qzeros  [n_in/group, n_out/8] i32: likewise
//   scales  [n_in/group, n_out] f16

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace wattle::engine {

struct AwqMatrix {
  std::size_t n_in = 0;
  std::size_t n_out = 0;
  std::size_t group = 0;               // a multiple of 32 that divides n_in
  std::span<const std::byte> qweight;  // n_in·n_out/2 bytes
  std::span<const std::byte> qzeros;   // n_in/group·n_out/2 bytes
  std::span<const std::byte> scales;   // n_in/group·n_out·2 bytes
};

// The same weights as rows of Q4_1 blocks, [n_out, n_in]: d = s, m = −z·s. q and s are kept as they
// are; m is rounded to half precision.
[[nodiscard]] std::vector<std::byte> awq_to_q4_1(const AwqMatrix& matrix);

}  // namespace wattle::engine
