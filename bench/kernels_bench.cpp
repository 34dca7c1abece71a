// Speed of every kernel, one thread, per instruction set, against the peak that limits it. The
// kernels themselves are in matmul_bench.cpp and vector_bench.cpp; here are the peaks.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "engine/buffer.hpp"
#include "engine/peaks.hpp"
#include "kernel_rates.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kLargeBytes = std::size_t{256} << 20U;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;

// Best of a few passes over `bytes`, each read `times` times.
double read_gbs(Isa isa, const std::byte* data, std::size_t bytes, std::size_t piece,
                std::size_t times) {
  const SystemClock clock;
  double best = 0.0;
  for (int pass = 0; pass < 4; ++pass) {
    const std::int64_t begin = clock.monotonic_ns();
    for (std::size_t i = 0; i < times; ++i) {
      for (std::size_t at = 0; at < bytes; at += piece) {
        benchmark::DoNotOptimize(kernels_for(isa).read_all(data + at, piece));
      }
    }
    const auto ns = static_cast<double>(std::max<std::int64_t>(clock.monotonic_ns() - begin, 1));
    best = std::max(best, static_cast<double>(bytes * times) / ns);
  }
  return best;
}

KernelPeaks measure_peaks(Isa isa) {
  constexpr std::size_t kCached = std::size_t{16} << 10U;
  return {.memory_gbs = read_gbs(isa, large_memory(), large_bytes(isa), kPieceBytes, 1),
          .cache_gbs = read_gbs(isa, large_memory(), kCached, kCached, 1000),
          .int8_gops = one_thread_peak_gops(kernels_for(isa).int8_peak),
          .f32_gflops = one_thread_peak_gops(kernels_for(isa).f32_peak)};
}

double peak_of(const KernelPeaks& peaks, Against against) {
  switch (against) {
    case Against::memory:
      return peaks.memory_gbs;
    case Against::cache:
      return peaks.cache_gbs;
    case Against::int8:
      return peaks.int8_gops;
    case Against::int16:  // vpdpwssd: half as many products as vpdpbusd
      return peaks.int8_gops / 2;
    case Against::f32:
      return peaks.f32_gflops;
  }
  return 0.0;
}

const char* label_of(Against against) {
  switch (against) {
    case Against::memory:
      return "% of memory reads";
    case Against::cache:
      return "% of cache reads";
    case Against::int8:
      return "% of int8 peak";
    case Against::int16:
      return "% of int16 peak";
    case Against::f32:
      return "% of f32 peak";
  }
  return "";
}

void read_memory(benchmark::State& state, Isa isa) {
  const std::byte* const memory = large_memory();  // filled before the clock runs
  for (auto _ : state) {
    for (std::size_t at = 0; at < large_bytes(isa); at += kPieceBytes) {
      benchmark::DoNotOptimize(kernels_for(isa).read_all(memory + at, kPieceBytes));
    }
  }
  report_rates(state, isa, {.bytes = static_cast<double>(large_bytes(isa))}, Against::memory);
}

void peak(benchmark::State& state, Isa isa, Against against) {
  const Kernels& kernels = kernels_for(isa);
  const auto run = against == Against::int8 ? kernels.int8_peak : kernels.f32_peak;
  double operations = 0.0;
  for (auto _ : state) {
    const PeakRun done = run(10000);
    operations = done.operations;
    benchmark::DoNotOptimize(done.kept);
  }
  report_rates(state, isa, {.operations = operations}, against);
}

[[maybe_unused]] const bool registered = [] {
  for (const Isa isa : available_isas()) {
    benchmark::RegisterBenchmark(benchmark_name("read", isa).c_str(), read_memory, isa);
    benchmark::RegisterBenchmark(benchmark_name("int8_peak", isa).c_str(), peak, isa,
                                 Against::int8);
    benchmark::RegisterBenchmark(benchmark_name("f32_peak", isa).c_str(), peak, isa, Against::f32);
  }
  return true;
}();

}  // namespace

const std::byte* large_memory() {
  static const Buffer memory = [] {
    Buffer buffer = *Buffer::create(kLargeBytes, "the benchmarks", "");
    std::memset(buffer.data(), 0x3C, kLargeBytes);
    return buffer;
  }();
  return memory.data();
}

std::size_t large_bytes(Isa isa) {
  return isa == Isa::scalar ? kLargeBytes / 4 : kLargeBytes;
}

const KernelPeaks& kernel_peaks(Isa isa) {
  static std::array<std::optional<KernelPeaks>, 8> known;
  auto& peaks = known[static_cast<std::size_t>(isa)];
  if (!peaks) peaks = measure_peaks(isa);
  return *peaks;
}

void report_rates(benchmark::State& state, Isa isa, const Work& work, Against against) {
  const auto runs = static_cast<double>(state.iterations());
  const auto rate = [](double amount) {
    return benchmark::Counter(amount, benchmark::Counter::kIsRate);
  };
  if (work.bytes > 0.0) state.counters["GB/s"] = rate(1e-9 * work.bytes * runs);
  if (work.operations > 0.0) state.counters["GOP/s"] = rate(1e-9 * work.operations * runs);
  const bool moves = against == Against::memory || against == Against::cache;
  const double amount = 1e-9 * (moves ? work.bytes : work.operations) * runs;
  state.counters["%peak"] = rate(100.0 * amount / peak_of(kernel_peaks(isa), against));
  state.SetLabel(label_of(against));
}

}  // namespace wattle::engine
