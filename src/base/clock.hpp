#pragma once
// Time as an argument: everything that waits or stamps takes a Clock, so tests use FakeClock.

#include <atomic>
#include <cstdint>
#include <string>

namespace wattle {

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds of CLOCK_MONOTONIC; only differences mean anything.
  [[nodiscard]] virtual std::int64_t monotonic_ns() const = 0;
  // Nanoseconds since 1970-01-01 UTC.
  [[nodiscard]] virtual std::int64_t wall_ns() const = 0;
  virtual void sleep_ns(std::int64_t duration_ns) = 0;
  // Time that the machine has slept (suspended to memory or disk) since an unknown moment: the
  // monotonic clock stands still then. Only differences mean anything.
  [[nodiscard]] virtual std::int64_t suspended_ns() const { return 0; }
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const override;
  [[nodiscard]] std::int64_t wall_ns() const override;
  void sleep_ns(std::int64_t duration_ns) override;
  [[nodiscard]] std::int64_t suspended_ns() const override;  // CLOCK_BOOTTIME − CLOCK_MONOTONIC
};

// Stands still until advanced; sleeping advances it. Safe from several threads.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t start_ns = 0, std::int64_t wall_start_ns = 0)
      : now_ns_(start_ns), wall_offset_ns_(wall_start_ns - start_ns) {}
  [[nodiscard]] std::int64_t monotonic_ns() const override { return now_ns_.load(); }
  [[nodiscard]] std::int64_t wall_ns() const override { return now_ns_.load() + wall_offset_ns_; }
  void sleep_ns(std::int64_t duration_ns) override { advance_ns(duration_ns); }
  void advance_ns(std::int64_t duration_ns) { now_ns_ += duration_ns; }
  // The machine sleeps: only the wall clock goes on.
  void suspend_ns(std::int64_t duration_ns) {
    suspended_ns_ += duration_ns;
    wall_offset_ns_ += duration_ns;
  }
  // Somebody sets the wall clock.
  void step_wall_ns(std::int64_t by_ns) { wall_offset_ns_ += by_ns; }
  [[nodiscard]] std::int64_t suspended_ns() const override { return suspended_ns_.load(); }

 private:
  std::atomic<std::int64_t> now_ns_;
  std::atomic<std::int64_t> wall_offset_ns_;
  std::atomic<std::int64_t> suspended_ns_{0};
};

// "2026-11-20T13:45:00.123Z"
[[nodiscard]] std::string iso8601_utc(std::int64_t wall_ns);

}  // namespace wattle
