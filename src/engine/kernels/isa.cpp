#include "engine/kernels/isa.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <span>

#include "engine/kernels/cpu_features.hpp"

namespace wattle::engine {
namespace {

// Of every architecture, so that a name that is wrong here is told from one that is wrong
// everywhere.
constexpr const char* kNames[] = {"scalar", "avx2",         "avxvnni",  "avx512",
                                  "neon",   "neon_dotprod", "neon_i8mm"};

struct Compiled {
  Isa isa;
  const Kernels& (*kernels)();
  bool CpuFeatures::* needs;
};
// What this program has beside the scalar code, the best last.
#if defined(WATTLE_X86_KERNELS)
constexpr Compiled kCompiled[] = {
    {Isa::avx2, avx2_kernels, &CpuFeatures::avx2},
    {Isa::avxvnni, avxvnni_kernels, &CpuFeatures::avxvnni},
    {Isa::avx512, avx512_kernels, &CpuFeatures::avx512},
};
#elif defined(WATTLE_ARM_KERNELS)
constexpr Compiled kCompiled[] = {
    {Isa::neon, neon_kernels, &CpuFeatures::neon},
    {Isa::neon_dotprod, neon_dotprod_kernels, &CpuFeatures::dotprod},
    {Isa::neon_i8mm, neon_i8mm_kernels, &CpuFeatures::i8mm},
};
#else
constexpr std::span<const Compiled> kCompiled;
#endif

}  // namespace

const char* isa_name(Isa isa) {
  return kNames[static_cast<std::size_t>(isa)];
}

std::vector<Isa> available_isas() {
  const CpuFeatures features = cpu_features();
  std::vector<Isa> isas = {Isa::scalar};
  for (const Compiled& compiled : kCompiled) {
    if (features.*compiled.needs) isas.push_back(compiled.isa);
  }
  return isas;
}

Result<Isa> choose_isa(std::string_view wanted) {
  const std::vector<Isa> isas = available_isas();
  if (wanted.empty()) return isas.back();
  std::vector<std::string> names;
  for (const Isa isa : isas) names.emplace_back(isa_name(isa));
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found != names.end()) return isas[static_cast<std::size_t>(found - names.begin())];
  const bool known = std::ranges::find(kNames, wanted) != std::end(kNames);
  return fail(known ? ErrorCode::unavailable : ErrorCode::invalid_argument,
              fmt::format("WATTLE_ISA is '{}', which {}", wanted,
                          known ? "this CPU does not support" : "is not an instruction set"),
              fmt::format("Unset it, or choose one of: {}.", fmt::join(names, ", ")));
}

Result<Isa> choose_isa() {
  const char* wanted = std::getenv("WATTLE_ISA");
  return choose_isa(wanted == nullptr ? std::string_view() : wanted);
}

const Kernels& kernels_for(Isa isa) {
  for (const Compiled& compiled : kCompiled) {
    if (compiled.isa == isa) return compiled.kernels();
  }
  return scalar_kernels();
}

}  // namespace wattle::engine
