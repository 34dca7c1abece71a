#include "control/orin_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/test_shared.hpp"

namespace wattle::control {
namespace {

constexpr double kEmcHz = 3199e6;

// The error of model/reference − 1, in percent.
class Deviation {
 public:
  void add(double model, double reference) {
    const double percent = 100.0 * (model / reference - 1.0);
    largest_ = std::max(largest_, std::abs(percent));
    sum_ += std::abs(percent);
    ++n_;
  }
  [[nodiscard]] double largest() const { return largest_; }
  [[nodiscard]] double mean() const { return sum_ / n_; }

 private:
  double largest_ = 0.0;
  double sum_ = 0.0;
  int n_ = 0;
};

StepTime decode_at(const OrinParameters& p, int batch, std::size_t bin) {
  return step_time(p, decode_step(p, batch), p.bin_hz[bin], kEmcHz);
}

// The tables of docs/virtual-device.md: measured means of all rows of a bin, fan on.
constexpr std::array kBatch32Watts{21.4, 23.9, 26.2, 29.1, 31.1, 32.5,
                                   33.7, 35.1, 35.9, 37.5, 38.3};
constexpr std::array kBatch32Seconds{9.49, 7.23, 5.97, 5.08, 4.59, 4.39,
                                     4.33, 4.30, 4.31, 4.30, 4.31};
constexpr std::array kBatch1Seconds{5.67, 4.73, 4.59, 4.48, 4.37, 4.34,
                                    4.30, 4.31, 4.31, 4.31, 4.31};

TEST(OrinModel, LiesWithinTheStatedErrorOfTheMeasuredMeans) {
  const OrinParameters p;
  Deviation watts;
  Deviation seconds32;
  Deviation seconds1;
  for (std::size_t bin = 0; bin < kOrinBins; ++bin) {
    const StepTime step = decode_at(p, 32, bin);
    watts.add(power_w(p, p.bin_hz[bin], step.busy, p.reference_c), kBatch32Watts[bin]);
    seconds32.add(step.seconds * 100.0, kBatch32Seconds[bin]);
    seconds1.add(decode_at(p, 1, bin).seconds * 100.0, kBatch1Seconds[bin]);
  }
  EXPECT_NEAR(watts.largest(), 3.7, 0.1);
  EXPECT_NEAR(watts.mean(), 1.3, 0.1);
  EXPECT_NEAR(seconds32.largest(), 6.6, 0.1);
  EXPECT_NEAR(seconds32.mean(), 2.0, 0.1);
  EXPECT_NEAR(seconds1.largest(), 9.1, 0.1);
  EXPECT_NEAR(seconds1.mean(), 2.1, 0.1);
}

using Row = std::map<std::string, double>;

std::vector<Row> measured_rows(const std::string& name) {
  std::ifstream file(shared_data() / "orin" / name);
  std::vector<Row> rows;
  std::vector<std::string> columns;
  for (std::string line; std::getline(file, line);) {
    std::stringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    if (columns.empty()) {
      columns = row;
      continue;
    }
    Row values;
    for (std::size_t i = 0; i < row.size(); ++i) values[columns.at(i)] = std::atof(row[i].c_str());
    rows.push_back(std::move(values));
  }
  return rows;
}

struct Deviations {
  Deviation decode_s;
  Deviation decode_w;
  Deviation prefill_s;
  Deviation prefill_w;
};

Deviations compare(const std::vector<Row>& rows) {
  const OrinParameters p;
  Deviations all;
  for (const Row& row : rows) {
    const auto bin = static_cast<std::size_t>(row.at("decode_freq_bin"));
    const StepTime step = decode_at(p, static_cast<int>(row.at("effective_batch_size")), bin);
    all.decode_s.add(step.seconds * 100.0, row.at("decode_time"));
    all.decode_w.add(power_w(p, p.bin_hz[bin], step.busy, row.at("temperature")),
                     row.at("decode_power_w"));
    const auto prefill_bin = static_cast<std::size_t>(row.at("prefill_freq_bin"));
    const StepTime prompt = step_time(p, prefill(p, static_cast<int>(row.at("num_prompt_tokens"))),
                                      p.bin_hz[prefill_bin], kEmcHz);
    all.prefill_s.add(prompt.seconds, row.at("prefill_time"));
    all.prefill_w.add(power_w(p, p.bin_hz[prefill_bin], prompt.busy, row.at("temperature")),
                      row.at("prefill_power_w"));
  }
  return all;
}

// The figures of docs/virtual-device.md, over every measured row.
TEST(OrinModel, LiesWithinTheStatedErrorOfEveryMeasuredRow) {
  const auto fan_on = measured_rows("grid_search_results_20251128_075945.csv");
  const auto fan_off = measured_rows("fan_off_grid_search_results_20251129_092010.csv");
  if (fan_on.empty() || fan_off.empty()) GTEST_SKIP() << "no ../shared/data/orin";
  ASSERT_EQ(fan_on.size(), 3872U);
  ASSERT_EQ(fan_off.size(), 594U);
  const Deviations on = compare(fan_on);
  EXPECT_NEAR(on.decode_s.mean(), 2.2, 0.1);
  EXPECT_NEAR(on.decode_s.largest(), 10.8, 0.1);
  EXPECT_NEAR(on.decode_w.mean(), 1.4, 0.1);
  EXPECT_NEAR(on.decode_w.largest(), 10.4, 0.1);
  const Deviations off = compare(fan_off);
  EXPECT_NEAR(off.decode_s.mean(), 5.0, 0.1);
  EXPECT_NEAR(off.decode_s.largest(), 61.6, 0.1);
  EXPECT_NEAR(off.decode_w.mean(), 4.1, 0.1);
  EXPECT_NEAR(off.decode_w.largest(), 40.4, 0.1);
  EXPECT_NEAR(on.prefill_s.mean(), 11.2, 0.1);
  EXPECT_NEAR(on.prefill_s.largest(), 52.3, 0.1);
  // A prefill is over before the sensor has been read twice: these watts are no test of the model.
  EXPECT_NEAR(on.prefill_w.mean(), 40.3, 0.1);
}

TEST(OrinModel, StepIsTheLongestOfHostCyclesAndBytes) {
  const OrinParameters p;
  // 20 ms of cycles, 10 ms of bytes, 40 ms of host: half busy.
  const StepTime host = step_time(p, {20e6, 64e7, 0.040}, 1e9, 1e9);
  EXPECT_DOUBLE_EQ(host.seconds, 0.040);
  EXPECT_DOUBLE_EQ(host.busy, 0.5);
  const StepTime cycles = step_time(p, {80e6, 64e7, 0.040}, 1e9, 1e9);
  EXPECT_DOUBLE_EQ(cycles.seconds, 0.080);
  EXPECT_DOUBLE_EQ(cycles.busy, 1.0);
  const StepTime bytes = step_time(p, {20e6, 64e8, 0.040}, 1e9, 1e9);
  EXPECT_DOUBLE_EQ(bytes.seconds, 0.100);
}

TEST(OrinModel, PowerByHand) {
  const OrinParameters p;
  EXPECT_DOUBLE_EQ(power_w(p, 306e6, 0.0, 20.0), 13.7);
  EXPECT_NEAR(power_w(p, 306e6, 1.0, 64.0), 13.7 + 7.6194, 1e-9);
  EXPECT_NEAR(power_w(p, 1300.5e6, 0.5, 64.0), 13.7 + 0.0249 * 1300.5 * 0.5 * 1.21 * 1.21, 1e-9);
  EXPECT_DOUBLE_EQ(relative_voltage(p, 357e6), 1.005) << "halfway between two bins";
  EXPECT_DOUBLE_EQ(relative_voltage(p, 100e6), 1.0);
  EXPECT_DOUBLE_EQ(relative_voltage(p, 2e9), 1.21);
}

TEST(OrinModel, RailsAddUpToTheBoardOnceAndToTheDataWithOneTwice) {
  const OrinParameters p;
  for (const double watts : {13.7, 22.8, 38.3}) {
    const Rails rails = split(p, watts);
    EXPECT_NEAR(rails.board_w() + rails.vddq_w, watts, 1e-9);
    EXPECT_GT(rails.sys_5v0_w, rails.vddq_w) << "it contains the other";
    EXPECT_GT(rails.gpu_soc_w, 0.0);
    EXPECT_GT(rails.cpu_cv_w, 0.0);
  }
  EXPECT_NEAR(split(p, 22.8).vddq_w, 1.27, 1e-9);
}

TEST(OrinModel, TemperatureFollowsOnePole) {
  const OrinParameters p;
  EXPECT_DOUBLE_EQ(thermal_resistance(p, 0.0), 2.5);
  EXPECT_NEAR(thermal_resistance(p, 1.0), 0.77, 1e-12);
  EXPECT_NEAR(1.0 / thermal_resistance(p, 0.5), (1.0 / 2.5 + 1.0 / 0.77) / 2.0, 1e-12);
  // Equilibria of the data: 95.5 °C at 27.8 W, 45.8 °C at 27.4 W, within a degree.
  EXPECT_NEAR(temperature_after(p, 25.0, 27.8, 0.0, 1e6), 95.5, 1.1);
  EXPECT_NEAR(temperature_after(p, 25.0, 27.4, 1.0, 1e6), 45.8, 0.4);
  // After one time constant, R·C = 687.5 s, 1 − 1/e of the way is done.
  const double after = temperature_after(p, 25.0, 20.0, 0.0, 687.5);
  EXPECT_NEAR(after, 25.0 + 50.0 * (1.0 - std::exp(-1.0)), 1e-9);
  // Two steps are one.
  const double half = temperature_after(p, 25.0, 20.0, 0.0, 300.0);
  EXPECT_NEAR(temperature_after(p, half, 20.0, 0.0, 387.5), after, 1e-9);
}

TEST(OrinModel, ThrottleTakesOneBinAPeriodAndReturnsThemBelowTheHysteresis) {
  const OrinParameters p;
  Throttle throttle;
  EXPECT_EQ(throttle.update(p, 98.9, 10.0), 0);
  EXPECT_EQ(throttle.update(p, 99.0, 0.5), 1);
  EXPECT_EQ(throttle.update(p, 99.5, 0.5), 1) << "half a period later";
  EXPECT_EQ(throttle.update(p, 99.5, 0.5), 2);
  EXPECT_EQ(throttle.update(p, 97.0, 5.0), 2) << "between trip and trip − hysteresis";
  EXPECT_EQ(throttle.update(p, 95.9, 1.0), 1);
  EXPECT_EQ(throttle.update(p, 95.9, 1.0), 0);
  for (int i = 0; i < 30; ++i) throttle.update(p, 120.0, 1.0);
  EXPECT_EQ(throttle.bins(), 10) << "the lowest bin stays";
}

}  // namespace
}  // namespace wattle::control
