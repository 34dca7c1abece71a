#include "engine/peaks.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <vector>

#include "base/clock.hpp"
#include "base/cpu_budget.hpp"
#include "base/thread_pool.hpp"
#include "engine/buffer.hpp"
#include "engine/kernels/isa.hpp"

namespace wattle::engine {
namespace {

const Kernels& chosen_kernels() {
  const auto isa = choose_isa();
  return kernels_for(isa ? *isa : Isa::scalar);
}

int thread_count(int threads) {
  return threads > 0 ? threads : allowed_cores();
}

double elapsed_ns(const Clock& clock, std::int64_t begin_ns) {
  return static_cast<double>(std::max<std::int64_t>(clock.monotonic_ns() - begin_ns, 1));
}

// Larger than the caches of any machine that is told to have this much memory.
std::size_t buffer_bytes() {
  constexpr std::size_t kMost = std::size_t{512} << 20U;
  constexpr std::size_t kStep = std::size_t{4} << 20U;
  const auto physical = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return std::max(kStep, std::min(kMost, physical / 4) / kStep * kStep);
}

class BandwidthTest {
 public:
  BandwidthTest(ThreadPool& pool, Buffer buffer) : pool_(pool), buffer_(std::move(buffer)) {
    constexpr std::size_t kPiece = std::size_t{1} << 20U;
    // Pages that were never written are all the same page of zeros.
    pool_.for_each(buffer_.size() / kPiece, [&](std::size_t piece, std::size_t) {
      std::memset(buffer_.data() + piece * kPiece, static_cast<int>(piece & 127U) + 1, kPiece);
    });
  }

  // A stretch of memory as short as can be timed: other work on the machine takes its turns of
  // some milliseconds, and what is read between them is the machine's own speed. The next pass goes
  // on behind it, so that nothing is found in a cache.
  double pass(std::size_t piece_bytes) {
    const std::size_t bytes =
        std::min(buffer_.size(), kBytesPerThread * static_cast<std::size_t>(pool_.threads()));
    if (at_ + bytes > buffer_.size()) at_ = 0;
    const std::byte* const data = buffer_.data() + at_;
    at_ += bytes;
    const std::int64_t begin = clock_.monotonic_ns();
    pool_.for_each(bytes / piece_bytes, [&](std::size_t piece, std::size_t) {
      sink_ += kernels_.read_all(data + piece * piece_bytes, piece_bytes);
    });
    return static_cast<double>(bytes) / elapsed_ns(clock_, begin);
  }

  ReadBandwidth run() {
    constexpr std::array<std::size_t, 3> kPieces = {256U << 10U, 1U << 20U, 4U << 20U};
    constexpr double kDurationNs = 200e6;
    constexpr std::size_t kMaxPasses = 1000;
    std::array<std::vector<double>, kPieces.size()> gbs;
    const std::int64_t start = clock_.monotonic_ns();
    for (std::size_t i = 0; i < kMaxPasses; ++i) {
      if (i >= kPieces.size() && elapsed_ns(clock_, start) > kDurationNs) break;
      gbs[i % kPieces.size()].push_back(pass(kPieces[i % kPieces.size()]));
    }
    ReadBandwidth result;
    for (auto& passes : gbs) {
      std::ranges::sort(passes);
      if (passes.back() <= result.best_gbs) continue;
      result = {passes.back(), passes[passes.size() / 2]};
    }
    return result;
  }

 private:
  static constexpr std::size_t kBytesPerThread = std::size_t{32} << 20U;

  ThreadPool& pool_;
  Buffer buffer_;
  std::size_t at_ = 0;
  const Kernels& kernels_ = chosen_kernels();
  SystemClock clock_;
  std::atomic<std::uint64_t> sink_{0};
};

using Peak = PeakRun (*)(std::size_t iterations);

// Iterations that take one thread about a quarter of a millisecond: see BandwidthTest::pass().
std::size_t calibrate(const Clock& clock, Peak peak) {
  constexpr double kRunNs = 0.25e6;
  std::size_t iterations = 1024;
  for (;;) {
    const std::int64_t begin = clock.monotonic_ns();
    static std::atomic<std::uint64_t> sink{0};
    sink += peak(iterations).kept;
    const double ns = elapsed_ns(clock, begin);
    if (ns > kRunNs / 4) {
      return static_cast<std::size_t>(static_cast<double>(iterations) * kRunNs / ns) + 1;
    }
    iterations *= 4;
  }
}

double peak_gops(ThreadPool& pool, Peak peak) {
  constexpr double kDurationNs = 60e6;
  const SystemClock clock;
  const std::size_t iterations = calibrate(clock, peak);
  const auto n_threads = static_cast<std::size_t>(pool.threads());
  // Two pieces a thread, so that a thread that wakes late does not leave the others waiting.
  std::vector<double> operations(2 * n_threads);
  std::atomic<std::uint64_t> sink{0};
  double best = 0.0;
  const std::int64_t start = clock.monotonic_ns();
  while (best == 0.0 || elapsed_ns(clock, start) < kDurationNs) {
    const std::int64_t begin = clock.monotonic_ns();
    pool.for_each(operations.size(), [&](std::size_t piece, std::size_t) {
      const PeakRun done = peak(iterations);
      operations[piece] = done.operations;
      sink += done.kept;
    });
    const double ns = elapsed_ns(clock, begin);
    double sum = 0.0;
    for (const double n : operations) sum += n;
    best = std::max(best, sum / ns);
  }
  return best;
}

ReadBandwidth read_bandwidth(ThreadPool& pool) {
  auto buffer = Buffer::create(buffer_bytes(), "the bandwidth test", "");
  if (!buffer) return {};
  return BandwidthTest(pool, std::move(*buffer)).run();
}

constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;

// Whole pieces, and what is left of a stretch as far as read_all() can read it.
std::vector<std::span<const std::byte>> pieces_of(
    std::span<const std::span<const std::byte>> memory) {
  constexpr std::size_t kReadUnit = 512;
  std::vector<std::span<const std::byte>> pieces;
  for (std::span<const std::byte> stretch : memory) {
    while (stretch.size() >= kReadUnit) {
      const std::size_t n = std::min(kPieceBytes, stretch.size() / kReadUnit * kReadUnit);
      pieces.push_back(stretch.first(n));
      stretch = stretch.subspan(n);
    }
  }
  return pieces;
}

ReadBandwidth read_bandwidth_of(ThreadPool& pool,
                                std::span<const std::span<const std::byte>> memory) {
  constexpr std::size_t kLeastBytes = std::size_t{64} << 20U;
  constexpr double kDurationNs = 250e6;
  constexpr std::size_t kLeastPasses = 3;
  const auto pieces = pieces_of(memory);
  std::size_t bytes = 0;
  for (const auto& piece : pieces) bytes += piece.size();
  if (bytes < kLeastBytes) return {};
  const SystemClock clock;
  const Kernels& kernels = chosen_kernels();
  std::atomic<std::uint64_t> sink{0};
  std::vector<double> passes;
  const std::int64_t start = clock.monotonic_ns();
  while (passes.size() < kLeastPasses || elapsed_ns(clock, start) < kDurationNs) {
    const std::int64_t begin = clock.monotonic_ns();
    pool.for_each(pieces.size(), [&](std::size_t i, std::size_t) {
      sink += kernels.read_all(pieces[i].data(), pieces[i].size());
    });
    passes.push_back(static_cast<double>(bytes) / elapsed_ns(clock, begin));
  }
  std::ranges::sort(passes);
  return {passes.back(), passes[passes.size() / 2]};
}

}  // namespace

ReadBandwidth measure_read_bandwidth(int threads,
                                     std::span<const std::span<const std::byte>> memory) {
  ThreadPool pool(thread_count(threads));
  return read_bandwidth_of(pool, memory);
}

ReadBandwidth measure_read_bandwidth(int threads) {
  ThreadPool pool(thread_count(threads));
  return read_bandwidth(pool);
}

double measure_int8_peak_gops(int threads) {
  ThreadPool pool(thread_count(threads));
  return peak_gops(pool, chosen_kernels().int8_peak);
}

double measure_f32_peak_gflops(int threads) {
  ThreadPool pool(thread_count(threads));
  return peak_gops(pool, chosen_kernels().f32_peak);
}

MachineLimits measure_limits(int threads, std::span<const std::span<const std::byte>> memory) {
  ThreadPool pool(thread_count(threads));
  const ReadBandwidth own = read_bandwidth_of(pool, memory);
  return {own.best_gbs > 0.0 ? own : read_bandwidth(pool),
          peak_gops(pool, chosen_kernels().int8_peak), peak_gops(pool, chosen_kernels().f32_peak)};
}

double one_thread_peak_gops(PeakRun (*peak)(std::size_t iterations)) {
  ThreadPool pool(1);
  return peak_gops(pool, peak);
}

}  // namespace wattle::engine
