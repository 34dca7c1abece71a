#pragma once
// Every instruction set whose kernels can be tested here.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/kernels/isa.hpp"

namespace wattle::engine {

// What users can choose, and AVX-VNNI's sources in AVX-512's encoding where only that runs.
inline std::vector<const Kernels*> tested_kernels() {
  std::vector<const Kernels*> all;
  for (const Isa isa : available_isas()) {
    all.push_back(&kernels_for(isa));
#if defined(WATTLE_EVEX_KERNELS)
    if (isa == Isa::avx512) all.push_back(&avxvnni_evex_kernels());
#endif
  }
  return all;
}

// Whether scales that several blocks share are rounded to 14 bits, and sums of 17 to 16
// (isa/fixed_scales.hpp).
inline bool rounds_scales(const Kernels& kernels) {
  return std::string_view(kernels.name) == "avx512";
}

inline std::string kernels_name(const testing::TestParamInfo<const Kernels*>& info) {
  return info.param->name;
}

}  // namespace wattle::engine
