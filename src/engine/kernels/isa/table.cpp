#include "engine/kernels/isa/ops.hpp"

#define WATTLE_STRING_INNER(x) #x
#define WATTLE_STRING(x) WATTLE_STRING_INNER(x)
#define WATTLE_JOIN_INNER(a, b) a##b
#define WATTLE_JOIN(a, b) WATTLE_JOIN_INNER(a, b)

namespace wattle::engine {

const Kernels& WATTLE_JOIN(WATTLE_ISA, _kernels)() {
  static const Kernels table = {
      .name = WATTLE_STRING(WATTLE_ISA),
      .rms_norm = WATTLE_ISA::rms_norm,
      .layer_norm = WATTLE_ISA::layer_norm,
      .add = WATTLE_ISA::add,
      .silu_multiply = WATTLE_ISA::silu_multiply,
      .gelu_multiply = WATTLE_ISA::gelu_multiply,
      .soft_cap = WATTLE_ISA::soft_cap,
      .rope_interleaved = WATTLE_ISA::rope_interleaved,
      .rope_half_split = WATTLE_ISA::rope_half_split,
      .softmax_stats = WATTLE_ISA::softmax_stats,
      .to_f16 = WATTLE_ISA::to_f16,
      .to_i8 = WATTLE_ISA::to_i8,
      .attention = WATTLE_ISA::attention,
      .matmul_float = WATTLE_ISA::matmul_float,
      .quantize = WATTLE_ISA::quantize,
      .matmul_packed = WATTLE_ISA::matmul_packed,
#if defined(__AVX512VNNI__)
      .pack_i16 = WATTLE_ISA::pack_i16,
      .quantize_i16 = WATTLE_ISA::quantize_i16,
      .matmul_i16 = WATTLE_ISA::matmul_i16,
#else
      .pack_i16 = nullptr,
      .quantize_i16 = nullptr,
      .matmul_i16 = nullptr,
#endif
      .read_all = WATTLE_ISA::read_all,
      .int8_peak = WATTLE_ISA::int8_peak,
      .f32_peak = WATTLE_ISA::f32_peak,
  };
  return table;
}

}  // namespace wattle::engine
