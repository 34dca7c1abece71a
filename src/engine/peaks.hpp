#pragma once
// What this machine could reach, measured on it: the read bandwidth that decoding is limited by,
// and the multiply-adds that prefill is limited by.

#include <span>

#include "engine/kernels/kernels.hpp"

namespace wattle::engine {

// Gigabytes (10⁹) per second that `threads` threads read from memory together.
struct ReadBandwidth {
  double best_gbs = 0.0;    // of all passes; 0 if memory cannot be had
  double median_gbs = 0.0;  // of the passes in the way that was best
};

struct MachineLimits {
  ReadBandwidth read;
  // 10⁹ operations per second, a multiply-add counted as two, in registers only: in the integer
  // instructions of packed weights, and in those of F32, F16 and BF16 weights.
  double int8_gops = 0.0;
  double f32_gflops = 0.0;
};

// Threads: 0 for the cores this process may use. With the instruction set that models are computed
// in (isa.hpp), about half a second in all (longer where the system is slow to give memory). Runs
// are short, so that other work on the machine hides the limits only where it never pauses. One
// thread at a time.
//
// Memory: 512 MB in huge pages (a quarter of the machine's memory, if that is less), 32 MB a thread
// and pass, handed out in pieces of 256 kB, 1 MB and 4 MB in turn, each read in four streams, for
// about 0.2 s.
[[nodiscard]] ReadBandwidth measure_read_bandwidth(int threads);
// The bandwidth of that very memory, in passes over all of it, each thread reading one stretch in
// pieces of four streams: where pages lie in a machine changes how fast they are. 0 if it is less
// than 64 MB, which caches may hold.
[[nodiscard]] ReadBandwidth measure_read_bandwidth(
    int threads, std::span<const std::span<const std::byte>> memory);
// The best of the runs of half a millisecond, on all threads at once, that fit into 60 ms.
[[nodiscard]] double measure_int8_peak_gops(int threads);
[[nodiscard]] double measure_f32_peak_gflops(int threads);
// `memory`: what to read (a model's weights); if it is empty or small, a buffer of this test.
[[nodiscard]] MachineLimits measure_limits(int threads,
                                           std::span<const std::span<const std::byte>> memory = {});

// The same for one thread and one instruction set, as benchmarks of kernels want it.
[[nodiscard]] double one_thread_peak_gops(PeakRun (*peak)(std::size_t iterations));

}  // namespace wattle::engine
