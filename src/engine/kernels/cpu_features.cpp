#include "engine/kernels/cpu_features.hpp"

#if defined(WATTLE_X86_KERNELS)
#include <cpuid.h>
#elif defined(WATTLE_ARM_KERNELS)
#include <sys/auxv.h>
#endif

namespace wattle::engine {

#if defined(WATTLE_X86_KERNELS)

CpuFeatures cpu_features() {
  // These built-ins also ask the operating system (XGETBV) whether it saves the wide registers.
  __builtin_cpu_init();
  CpuFeatures features;
  features.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("f16c");
  features.avx512 = features.avx2 && __builtin_cpu_supports("avx512f") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
  // GCC 12 has no name for this one.
  constexpr unsigned kAvxVnni = 1U << 4U;  // leaf 7, subleaf 1, EAX
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  features.avxvnni = features.avx2 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
                     (eax & kAvxVnni) != 0;
  return features;
}

#elif defined(WATTLE_ARM_KERNELS)

CpuFeatures cpu_features() {
  // Of <asm/hwcap.h>, which lacks the newer bits on older systems.
  constexpr unsigned long kDotProduct = 1UL << 20U;  // AT_HWCAP
  constexpr unsigned long kI8mm = 1UL << 13U;        // AT_HWCAP2
  CpuFeatures features;
  features.neon = true;  // part of the architecture
  features.dotprod = (getauxval(AT_HWCAP) & kDotProduct) != 0;
  features.i8mm = features.dotprod && (getauxval(AT_HWCAP2) & kI8mm) != 0;
  return features;
}

#else

CpuFeatures cpu_features() {
  return {};
}

#endif

}  // namespace wattle::engine
