#pragma once
// Which instruction set to compute with: the best the CPU and the operating system offer, or the
// one named in the environment variable WATTLE_ISA.

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/kernels/kernels.hpp"

namespace wattle::engine {

// avxvnni: AVX2 with vpdpbusd, for CPUs without AVX-512. neon: any 64-bit ARM; neon_dotprod: with
// sdot (ARMv8.2 option); neon_i8mm: also with usdot and usmmla (ARMv8.6).
enum class Isa { scalar, avx2, avxvnni, avx512, neon, neon_dotprod, neon_i8mm };

[[nodiscard]] const char* isa_name(Isa isa);
// What this machine can run, the best last. `scalar` is always there.
[[nodiscard]] std::vector<Isa> available_isas();
// `wanted` empty: the best. An error names what is available.
[[nodiscard]] Result<Isa> choose_isa(std::string_view wanted);
// From WATTLE_ISA.
[[nodiscard]] Result<Isa> choose_isa();
// Precondition: available.
[[nodiscard]] const Kernels& kernels_for(Isa isa);

}  // namespace wattle::engine
