#pragma once
// For tests: a meter on a fake clock, over a fake engine and one counter that follows a function of
// time.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/test_folder.hpp"
#include "meter/meter_parts.hpp"
#include "meter/test_engine.hpp"

namespace wattle::meter {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1000 * kMs;

// A counter that follows a function of time in seconds.
class CounterOf final : public sense::PowerSensor {
 public:
  CounterOf(const Clock& clock, std::function<Result<double>(double)> energy_j)
      : clock_(clock), energy_j_(std::move(energy_j)) {
    info_.id = "fake";
    info_.update_period_s = 1e-3;
    info_.default_rate_hz = 100.0;
  }
  [[nodiscard]] const sense::SensorInfo& info() const override { return info_; }
  Result<sense::Reading> read() override {
    const std::int64_t t_ns = clock_.monotonic_ns();
    WATTLE_TRY(const double energy_j, energy_j_(static_cast<double>(t_ns) * 1e-9));
    return sense::Reading{t_ns, energy_j, std::nullopt, std::nullopt};
  }

 private:
  sense::SensorInfo info_;
  const Clock& clock_;
  std::function<Result<double>(double)> energy_j_;
};

struct Bench {
  FakeClock clock{kSecond, 1'000'000'000 * kSecond};
  TestFolder folder;
  FakeSession session{clock};
  MeterOptions options{.root = FsRoot(folder.path()), .process_root = FsRoot(folder.path())};
  std::unique_ptr<Meter> meter;

  void build(FakeGeneration how, std::function<Result<double>(double)> energy_j) {
    MeterParts parts;
    parts.generate = fake_generate(clock, std::move(how));
    if (energy_j) {
      std::vector<std::unique_ptr<sense::PowerSensor>> sensors;
      sensors.push_back(std::make_unique<CounterOf>(clock, std::move(energy_j)));
      parts.monitor = std::make_unique<sense::EnergyMonitor>(
          std::move(sensors), clock, sense::MonitorOptions{.own_thread = false});
      parts.source = EnergySource{"fake", "counter", "board"};
    } else {
      parts.note = "no sensor here";
    }
    meter = make_meter(std::move(parts), options, clock);
  }
  Result<InferenceRecord> run(std::string_view prompt = "12345") {
    return meter->measure(session, {.text = prompt}, {});
  }
};

inline bool has_flag(const std::vector<std::string>& flags, const std::string& text) {
  return std::any_of(flags.begin(), flags.end(),
                     [&](const std::string& f) { return f.find(text) != std::string::npos; });
}

// 5 µs of tokenising, 40 ms prefill, steps of 10, 20, 30 ms, then 5 ms for the end of text.
inline const FakeGeneration kFourTokens{.prefill_ns = 40 * kMs,
                                        .step_ns = {10 * kMs, 20 * kMs, 30 * kMs},
                                        .last_step_ns = 5 * kMs,
                                        .n_tokens = 4};

}  // namespace wattle::meter
