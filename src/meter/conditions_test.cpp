#include "meter/conditions.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "meter/test_bench.hpp"

namespace wattle::meter {
namespace {

using sense::Quantity;

// A gauge that shows what the test says.
class Dial final : public sense::Gauge {
 public:
  Dial(const Clock& clock, std::string id, Quantity quantity, const double& value)
      : clock_(clock), value_(value) {
    info_.id = std::move(id);
    info_.quantity = quantity;
  }
  [[nodiscard]] const sense::GaugeInfo& info() const override { return info_; }
  Result<sense::GaugeReading> read() override {
    return sense::GaugeReading{clock_.monotonic_ns(), value_};
  }

 private:
  sense::GaugeInfo info_;
  const Clock& clock_;
  const double& value_;
};

struct Dials {
  FakeClock clock;
  std::map<std::string, double> values;
  sense::GaugeInventory inventory;
  void add(const std::string& id, Quantity quantity, double value) {
    values[id] = value;
    inventory.gauges.push_back(std::make_unique<Dial>(clock, id, quantity, values[id]));
  }
};

TEST(Conditions, TakesTheJunctionTheClocksAndWhatThrottles) {
  Dials dials;
  dials.add("temp:cpu-thermal", Quantity::temperature_c, 50);
  dials.add("temp:nvme/Composite", Quantity::temperature_c, 70);
  dials.add("temp:tj-thermal", Quantity::temperature_c, 55);
  dials.add("freq:cpu0", Quantity::frequency_hz, 1e9);
  dials.add("freq:gpu", Quantity::frequency_hz, 3e8);
  dials.add("freq:emc", Quantity::frequency_hz, 3e9);
  dials.add("util:cpu", Quantity::utilisation, 0.5);
  dials.add("throttled:cpu", Quantity::throttled, 0);
  std::set<std::string> ids;
  for (const auto& gauge : condition_gauges(std::move(dials.inventory))) {
    ids.insert(gauge->info().id);
  }
  EXPECT_EQ(ids,
            (std::set<std::string>{"temp:tj-thermal", "freq:cpu0", "freq:gpu", "throttled:cpu"}));
  Dials disk_only;
  disk_only.add("temp:nvme/Composite", Quantity::temperature_c, 70);
  EXPECT_TRUE(condition_gauges(std::move(disk_only.inventory)).empty())
      << "a disk's temperature says nothing about the processor";
}

TEST(Conditions, ARecordTellsWhatItWasLikeAndIsFlaggedWhenThrottled) {
  Dials dials;
  dials.add("temp:tj-thermal", Quantity::temperature_c, 60);
  dials.add("freq:cpu0", Quantity::frequency_hz, 2e9);
  dials.add("freq:cpu1", Quantity::frequency_hz, 1e9);
  dials.add("throttle:cores", Quantity::throttle_count, 7);
  sense::EnergyMonitor monitor({}, dials.clock, {.own_thread = false},
                               condition_gauges(std::move(dials.inventory)));
  const auto later = [&](double temperature_c, double count) {
    dials.clock.advance_ns(kSecond);
    dials.values["temp:tj-thermal"] = temperature_c;
    dials.values["throttle:cores"] = count;
    monitor.sample_gauges_now();
  };
  later(72, 7);
  later(65, 7);
  InferenceRecord calm;
  fill_conditions(calm, monitor, 0, 2 * kSecond);
  EXPECT_EQ(calm.temperature_start_c, 60.0);
  EXPECT_EQ(calm.temperature_max_c, 72.0);
  EXPECT_EQ(calm.cpu_frequency_mhz, 1500.0);
  EXPECT_EQ(calm.gpu_frequency_mhz, std::nullopt);
  EXPECT_EQ(calm.throttled, false);
  EXPECT_TRUE(calm.flags.empty());
  later(90, 8);
  InferenceRecord hot;
  fill_conditions(hot, monitor, 2 * kSecond, 3 * kSecond);
  EXPECT_EQ(hot.throttled, true);
  EXPECT_TRUE(has_flag(hot.flags, "throttled"));
}

TEST(Conditions, WithoutGaugesNothingIsSaid) {
  FakeClock clock;
  const sense::EnergyMonitor monitor({}, clock, {.own_thread = false});
  InferenceRecord record;
  fill_conditions(record, monitor, 0, kSecond);
  EXPECT_EQ(record.temperature_start_c, std::nullopt);
  EXPECT_EQ(record.throttled, std::nullopt) << "not known is not 'no'";
}

}  // namespace
}  // namespace wattle::meter
