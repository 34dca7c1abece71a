#pragma once
// What the kernel benchmarks have in common: the peaks of one thread, measured when first asked
// for, and the counters GB/s, GOP/s and %peak.

#include <benchmark/benchmark.h>

#include <string>

#include "engine/kernels/isa.hpp"

namespace wattle::engine {

// Of one thread, in the given instruction set.
struct KernelPeaks {
  double memory_gbs = 0.0;  // read from memory
  double cache_gbs = 0.0;   // read from the first cache
  double int8_gops = 0.0;
  double f32_gflops = 0.0;
};
[[nodiscard]] const KernelPeaks& kernel_peaks(Isa isa);

// Which peak a kernel is held against; also the benchmark's label.
enum class Against { memory, cache, int8, int16, f32 };

// Of one iteration. 0 operations: not counted (exponentials and the like).
struct Work {
  double bytes = 0.0;
  double operations = 0.0;
};
void report_rates(benchmark::State& state, Isa isa, const Work& work, Against against);

// 256 MB that no cache holds (64 MB for plain code, which is not as fast as memory), every byte
// 0x3C: a small positive number in every type of weights.
[[nodiscard]] const std::byte* large_memory();
[[nodiscard]] std::size_t large_bytes(Isa isa);

// "kernel/variant/avx512"
[[nodiscard]] inline std::string benchmark_name(const std::string& kernel, Isa isa) {
  return kernel + "/" + isa_name(isa);
}

}  // namespace wattle::engine
