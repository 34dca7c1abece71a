#pragma once
// Every instruction set whose kernels can be tested here.
#include <gtest/gtest.h>

#include <string>
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

inline std::string kernels_name(const testing::TestParamInfo<const Kernels*>& info) {
  return info.param->name;
}

}  // namespace wattle::engine
