#include "engine/bandwidth.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/clock.hpp"
#include "base/cpu_budget.hpp"
#include "base/thread_pool.hpp"
#include "engine/buffer.hpp"
#include "engine/kernels/isa.hpp"

namespace wattle::engine {

double measure_read_bandwidth_gbs(int threads) {
  constexpr std::size_t kBytes = std::size_t{512} << 20U;
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  constexpr std::int64_t kDurationNs = 200'000'000;
  constexpr int kMaxPasses = 50;
  const SystemClock clock;
  ThreadPool pool(threads > 0 ? threads : allowed_cores());
  auto buffer = Buffer::create(kBytes, "the bandwidth test", "");
  if (!buffer) return 0.0;
  const auto isa = choose_isa();
  const Kernels& kernels = kernels_for(isa ? *isa : Isa::scalar);
  // Pages that were never written are all the same page of zeros.
  pool.for_each(kBytes / kPiece, [&](std::size_t piece, std::size_t) {
    std::memset(buffer->data() + piece * kPiece, static_cast<int>(piece & 127U) + 1, kPiece);
  });
  std::atomic<std::uint64_t> sink{0};
  double best = 0.0;
  const std::int64_t start = clock.monotonic_ns();
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    const std::int64_t begin = clock.monotonic_ns();
    if (pass > 0 && begin - start > kDurationNs) break;
    pool.for_each(kBytes / kPiece, [&](std::size_t piece, std::size_t) {
      sink += kernels.read_all(buffer->data() + piece * kPiece, kPiece);
    });
    const auto elapsed_ns =
        static_cast<double>(std::max<std::int64_t>(clock.monotonic_ns() - begin, 1));
    best = std::max(best, static_cast<double>(kBytes) / elapsed_ns);
  }
  return best;
}

}  // namespace wattle::engine
