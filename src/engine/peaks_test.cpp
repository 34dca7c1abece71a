// The limits that speeds are compared with: they count what they do, and nothing of it is left out
// by the compiler.
#include "engine/peaks.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/clock.hpp"
#include "engine/kernels/isa.hpp"

namespace wattle::engine {
namespace {

double seconds_of(PeakRun (*peak)(std::size_t), std::size_t iterations) {
  const SystemClock clock;
  const std::int64_t begin = clock.monotonic_ns();
  volatile std::uint64_t kept = peak(iterations).kept;
  (void)kept;
  return static_cast<double>(clock.monotonic_ns() - begin) / 1e9;
}

TEST(Peaks, OperationsAreCountedPerIteration) {
  for (const Isa isa : available_isas()) {
    const Kernels& kernels = kernels_for(isa);
    for (const auto peak : {kernels.int8_peak, kernels.f32_peak}) {
      EXPECT_EQ(peak(0).operations, 0.0);
      const double one = peak(1).operations;
      // At least 12 chains of 4 lanes, a multiply-add being two operations.
      EXPECT_GE(one, 2.0 * 12 * 4) << isa_name(isa);
      EXPECT_EQ(peak(1000).operations, 1000 * one);
    }
  }
}

// x = x/2 + 1 in every chain: the result tells how many steps were really done.
TEST(Peaks, TheWorkIsDone) {
  for (const Isa isa : available_isas()) {
    const Kernels& kernels = kernels_for(isa);
    EXPECT_NE(kernels.f32_peak(1).kept, kernels.f32_peak(2).kept) << isa_name(isa);
    EXPECT_NE(kernels.f32_peak(2).kept, kernels.f32_peak(3).kept) << isa_name(isa);
    EXPECT_NE(kernels.int8_peak(1).kept, kernels.int8_peak(2).kept) << isa_name(isa);
    EXPECT_NE(kernels.int8_peak(2).kept, kernels.int8_peak(1001).kept) << isa_name(isa);
  }
}

// Sixty-four times the work takes at least eight times as long, whatever else the machine does.
TEST(Peaks, TimeGrowsWithTheWork) {
  for (const Isa isa : available_isas()) {
    const Kernels& kernels = kernels_for(isa);
    for (const auto peak : {kernels.int8_peak, kernels.f32_peak}) {
      double few = 1e9;
      double many = 1e9;
      for (int i = 0; i < 5; ++i) {
        few = std::min(few, seconds_of(peak, 5000));
        many = std::min(many, seconds_of(peak, 320000));
      }
      EXPECT_GT(many, 8 * few) << isa_name(isa);
    }
  }
}

TEST(Peaks, LimitsAreThere) {
  const MachineLimits limits = measure_limits(1);
  EXPECT_GT(limits.read.best_gbs, 0.1);
  EXPECT_GE(limits.read.best_gbs, limits.read.median_gbs);
  EXPECT_GT(limits.read.median_gbs, 0.0);
  EXPECT_GT(limits.int8_gops, 0.1);
  EXPECT_GT(limits.f32_gflops, 0.1);
}

}  // namespace
}  // namespace wattle::engine
