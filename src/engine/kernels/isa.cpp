#include "engine/kernels/isa.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

namespace wattle::engine {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas = {Isa::scalar};
#if defined(WATTLE_X86_KERNELS)
  // These built-ins also ask the operating system (XGETBV) whether it saves the wide registers.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  if (avx2) isas.push_back(Isa::avx2);
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni")) {
    isas.push_back(Isa::avx512);
  }
#endif
  return isas;
}

Result<Isa> choose_isa(std::string_view wanted) {
  const std::vector<Isa> isas = available_isas();
  if (wanted.empty()) return isas.back();
  std::vector<std::string> names;
  for (const Isa isa : isas) names.emplace_back(isa_name(isa));
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found != names.end()) return isas[static_cast<std::size_t>(found - names.begin())];
  const bool known = wanted == "avx2" || wanted == "avx512";
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
  switch (isa) {
#if defined(WATTLE_X86_KERNELS)
    case Isa::avx2:
      return avx2_kernels();
    case Isa::avx512:
      return avx512_kernels();
#endif
    default:
      return scalar_kernels();
  }
}

}  // namespace wattle::engine
