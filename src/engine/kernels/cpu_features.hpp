#pragma once
// What the running CPU offers, and the operating system lets programs use, of what kernels are
// compiled for.

namespace wattle::engine {

struct CpuFeatures {
  // x86-64
  bool avx2 = false;     // with FMA and F16C
  bool avxvnni = false;  // vpdpbusd of 256 bits, without AVX-512
  bool avx512 = false;   // F, BW, VL, DQ and VNNI
  // 64-bit ARM
  bool neon = false;
  bool dotprod = false;
  bool i8mm = false;
};

[[nodiscard]] CpuFeatures cpu_features();

}  // namespace wattle::engine
