#include "control/virtual_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace wattle::control {
namespace {

constexpr double kLongestStepS = 1.0;
constexpr double kHeatStepS = 1.0;  // power follows temperature at least this often
constexpr double kTicksPerSecond = 100.0;
// A governor that goes by load takes the lowest clock at which the GPU waits a fifth of the time.
constexpr double kGovernedBusy = 0.8;
// schedutil: 1.25 · busy · highest clock (Documentation/scheduler/schedutil.rst).
constexpr double kCpuHeadroom = 1.25;
constexpr double kFullDuty = 255.0;
constexpr double kFullRpm = 6000.0;

using namespace std::string_literals;

std::string whole(double number) {
  return fmt::format("{:.0f}\n", number);
}

Knob word_knob(const std::string& path, const std::vector<std::string>& words) {
  return {path, words.front(),
          [&words](std::string_view text) { return accept_word(text, words); }};
}

Knob number_knob(const std::string& path, double value, std::uint64_t low, std::uint64_t high) {
  return {path, fmt::format("{:.0f}", value),
          [=](std::string_view text) { return accept_number(text, low, high, false); }};
}

// The highest value of a rising table that does not exceed `limit`; the lowest if all do.
double at_most(const std::vector<double>& table, double limit) {
  const auto above = std::upper_bound(table.begin(), table.end(), limit);
  return above == table.begin() ? table.front() : *(above - 1);
}

double at_least(const std::vector<double>& table, double limit) {
  const auto found = std::lower_bound(table.begin(), table.end(), limit);
  return found == table.end() ? table.back() : *found;
}

std::vector<double> bins_of(const OrinParameters& model) {
  return {model.bin_hz.begin(), model.bin_hz.end()};
}

// "0-3,8"
std::string core_list(const std::array<bool, board::kCores>& online) {
  std::string text;
  for (std::size_t first = 0; first < online.size(); ++first) {
    if (!online[first]) continue;
    std::size_t last = first;
    while (last + 1 < online.size() && online[last + 1]) ++last;
    if (!text.empty()) text += ',';
    text += last > first ? fmt::format("{}-{}", first, last) : std::to_string(first);
    first = last;
  }
  return text + "\n";
}

}  // namespace

Result<std::unique_ptr<VirtualDevice>> VirtualDevice::create(const std::filesystem::path& folder,
                                                             const VirtualDeviceOptions& options,
                                                             const Clock& clock) {
  WATTLE_TRY(VirtualTree tree, VirtualTree::claim(folder));
  std::unique_ptr<VirtualDevice> device(new VirtualDevice(std::move(tree), options, clock));
  WATTLE_CHECK(device->create_files());
  return device;
}

VirtualDevice::VirtualDevice(VirtualTree tree, const VirtualDeviceOptions& options,
                             const Clock& clock)
    : tree_(std::move(tree)),
      options_(options),
      clock_(clock),
      host_share_(options.host, clock),
      gpu_limits_(board::kGpuClock + "/min_freq"s, board::kGpuClock + "/max_freq"s,
                  static_cast<std::uint64_t>(options.model.bin_hz.front()),
                  static_cast<std::uint64_t>(options.model.bin_hz.back())),
      gpu_governor_(word_knob(board::kGpuClock + "/governor"s, gpu_governors())),
      memory_limit_(number_knob(board::kMemoryClock + "/max_rate"s,
                                static_cast<double>(memory_table_hz().back()),
                                memory_table_hz().front(), memory_table_hz().back())),
      fan_(number_knob(board::kFan + "/pwm1"s, options.fan_duty * kFullDuty, 0, 255)),
      fan_enable_(number_knob(board::kFan + "/pwm1_enable"s, 1.0, 0, 3)) {
  const auto& table = cpu_table_khz();
  for (int first = 0; first < board::kCores; first += board::kCoresEach) {
    const std::string policy = cpu_policy(first);
    policies_.push_back({LimitKnobs(policy + "/scaling_min_freq", policy + "/scaling_max_freq",
                                    static_cast<std::uint64_t>(table.front()),
                                    static_cast<std::uint64_t>(table.back())),
                         word_knob(policy + "/scaling_governor", cpu_governors()), 0.0});
  }
  for (int core = 1; core < board::kCores; ++core) {
    online_.push_back(number_knob(fmt::format("{}/cpu{}/online", board::kCpus, core), 1.0, 0, 1));
  }
  state_.temperature_c = options.temperature_c.value_or(options.model.ambient_c);
}

Status VirtualDevice::create_files() {
  WATTLE_CHECK(gpu_limits_.create(tree_));
  for (Knob* knob : {&gpu_governor_, &memory_limit_, &fan_, &fan_enable_}) {
    WATTLE_CHECK(knob->set(tree_, knob->value()));
  }
  for (Policy& policy : policies_) {
    WATTLE_CHECK(policy.limits.create(tree_));
    WATTLE_CHECK(policy.governor.set(tree_, policy.governor.value()));
  }
  for (Knob& knob : online_) WATTLE_CHECK(knob.set(tree_, knob.value()));
  WATTLE_CHECK(step());
  // Last, so that a board that can be recognised is complete.
  return write_board(tree_, {bins_of(options_.model), options_.model.throttle_trip_c,
                             options_.model.throttle_hysteresis_c});
}

Status VirtualDevice::step() {
  const std::int64_t now_ns = clock_.monotonic_ns();
  const double since_s = last_ns_ ? static_cast<double>(now_ns - *last_ns_) * 1e-9 : 0.0;
  last_ns_ = now_ns;
  advance(std::clamp(since_s, 0.0, kLongestStepS));
  WATTLE_CHECK(poll_knobs());
  if (options_.load.kind == Load::Kind::host) options_.load.share = host_share_.share();
  operate();
  return write_files();
}

Status VirtualDevice::poll_knobs() {
  WATTLE_CHECK(gpu_limits_.poll(tree_));
  for (Knob* knob : {&gpu_governor_, &memory_limit_, &fan_, &fan_enable_}) {
    WATTLE_CHECK(knob->poll(tree_));
  }
  for (Policy& policy : policies_) {
    WATTLE_CHECK(policy.limits.poll(tree_));
    WATTLE_CHECK(policy.governor.poll(tree_));
  }
  for (std::size_t i = 0; i < online_.size(); ++i) {
    WATTLE_CHECK(online_[i].poll(tree_));
    cores_[i + 1].online = online_[i].value() == "1";
  }
  return {};
}

double VirtualDevice::governed_gpu_hz() const {
  const std::vector<double> bins = bins_of(options_.model);
  const auto taken = static_cast<std::size_t>(throttle_.bins());
  const double top = std::min(at_most(bins, gpu_limits_.high()), bins[bins.size() - 1 - taken]);
  const double bottom = std::min(at_least(bins, gpu_limits_.low()), top);
  if (gpu_governor_.value() == "performance") return top;
  if (gpu_governor_.value() == "powersave") return bottom;
  for (const double hz : bins) {
    if (hz < bottom || hz > top) continue;
    if (gpu_work(options_.model, options_.load, hz, state_.memory_hz).busy <= kGovernedBusy) {
      return hz;
    }
  }
  return top;
}

double VirtualDevice::governed_cpu_khz(const Policy& policy, int first_core) const {
  const auto& table = cpu_table_khz();
  const double top = at_most(table, policy.limits.high());
  const double bottom = std::min(at_least(table, policy.limits.low()), top);
  if (policy.governor.value() == "performance") return top;
  if (policy.governor.value() == "powersave") return bottom;
  double busy = 0.0;
  for (int core = first_core; core < first_core + board::kCoresEach; ++core) {
    busy = std::max(busy, core_busy(options_.load, core));
  }
  return std::clamp(at_least(table, kCpuHeadroom * busy * table.back()), bottom, top);
}

void VirtualDevice::operate() {
  const OrinParameters& model = options_.model;
  std::vector<double> memory_rates(memory_table_hz().begin(), memory_table_hz().end());
  state_.memory_hz = at_most(memory_rates, memory_limit_.number());
  state_.fan_duty = fan_.number() / kFullDuty;
  state_.throttled_bins = throttle_.bins();
  state_.gpu_hz = governed_gpu_hz();
  work_ = gpu_work(model, options_.load, state_.gpu_hz, state_.memory_hz);
  state_.gpu_busy = work_.busy;
  state_.step_s = work_.step_s;
  state_.counted_power_w = power_w(model, state_.gpu_hz, work_.busy, state_.temperature_c);
  state_.power_w = split(model, state_.counted_power_w).board_w();
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    policies_[i].khz = governed_cpu_khz(policies_[i], static_cast<int>(i) * board::kCoresEach);
  }
}

void VirtualDevice::advance(double seconds) {
  if (seconds <= 0.0) return;
  count_ticks(seconds);
  state_.seconds += seconds;
  const double heat_s = seconds * options_.speed;
  const int n_parts = std::max(1, static_cast<int>(std::ceil(heat_s / kHeatStepS)));
  for (int part = 0; part < n_parts; ++part) {
    state_.energy_j += state_.power_w * seconds / n_parts;
    state_.temperature_c =
        temperature_after(options_.model, state_.temperature_c, state_.counted_power_w,
                          state_.fan_duty, heat_s / n_parts);
    throttle_.update(options_.model, state_.temperature_c, heat_s / n_parts);
    if (n_parts > 1) operate();
  }
}

// At a lower clock the same work keeps a core longer.
void VirtualDevice::count_ticks(double seconds) {
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    if (!cores_[i].online) continue;
    const double khz = policies_[i / board::kCoresEach].khz;
    const double busy =
        std::min(1.0, core_busy(options_.load, static_cast<int>(i)) * cpu_table_khz().back() / khz);
    cores_[i].busy_ticks += busy * seconds * kTicksPerSecond;
    cores_[i].idle_ticks += (1.0 - busy) * seconds * kTicksPerSecond;
  }
}

Status VirtualDevice::write_files() {
  WATTLE_CHECK(write_rails());
  WATTLE_CHECK(write_heat());
  WATTLE_CHECK(write_clocks());
  return write_processors();
}

Status VirtualDevice::write_rails() {
  const Rails rails = split(options_.model, state_.counted_power_w);
  const auto current = [](double watts, double mv) { return whole(watts * 1e6 / mv); };
  const std::string ina40 = board::kIna40;
  WATTLE_CHECK(tree_.write(ina40 + "/curr1_input", current(rails.gpu_soc_w, board::kSupplyMv)));
  WATTLE_CHECK(tree_.write(ina40 + "/curr2_input", current(rails.cpu_cv_w, board::kSupplyMv)));
  WATTLE_CHECK(tree_.write(ina40 + "/curr3_input", current(rails.sys_5v0_w, board::kSys5v0Mv)));
  return tree_.write(board::kIna41 + "/curr2_input"s, current(rails.vddq_w, board::kSys5v0Mv));
}

Status VirtualDevice::write_heat() {
  for (const int zone : board::kWarmZones) {
    WATTLE_CHECK(tree_.write(fmt::format("{}/thermal_zone{}/temp", board::kThermal, zone),
                             whole(state_.temperature_c * 1000.0)));
  }
  const int bins = throttle_.bins();
  const auto cooling = [](int device) {
    return fmt::format("{}/cooling_device{}/cur_state", board::kThermal, device);
  };
  WATTLE_CHECK(tree_.write(cooling(board::kGpuCooling), whole(bins)));
  WATTLE_CHECK(tree_.write(cooling(board::kGpuThrottled), bins > 0 ? "1\n" : "0\n"));
  return tree_.write(board::kTachometer + "/rpm"s, whole(state_.fan_duty * kFullRpm));
}

Status VirtualDevice::write_clocks() {
  constexpr double kPerMille = 1000.0;
  WATTLE_CHECK(tree_.write(board::kGpuClock + "/cur_freq"s, whole(state_.gpu_hz)));
  WATTLE_CHECK(tree_.write(board::kGpu + "/load"s, whole(state_.gpu_busy * kPerMille)));
  WATTLE_CHECK(tree_.write(board::kMemoryClock + "/rate"s, whole(state_.memory_hz)));
  const double used_hz = work_.bytes_per_s / options_.model.bytes_per_emc_hz;
  WATTLE_CHECK(tree_.write(board::kMemoryActivity, whole(used_hz * 1e-3)));
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const std::string policy = cpu_policy(static_cast<int>(i) * board::kCoresEach);
    WATTLE_CHECK(tree_.write(policy + "/scaling_cur_freq", whole(policies_[i].khz)));
    WATTLE_CHECK(tree_.write(policy + "/cpuinfo_cur_freq", whole(policies_[i].khz)));
  }
  return {};
}

Status VirtualDevice::write_processors() {
  std::string lines;
  std::int64_t all_busy = 0;
  std::int64_t all_idle = 0;
  std::array<bool, board::kCores> online{};
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    const auto busy = static_cast<std::int64_t>(cores_[i].busy_ticks);
    const auto idle = static_cast<std::int64_t>(cores_[i].idle_ticks);
    all_busy += busy;
    all_idle += idle;
    online[i] = cores_[i].online;
    if (online[i]) lines += fmt::format("cpu{} {} 0 0 {} 0 0 0 0 0 0\n", i, busy, idle);
  }
  WATTLE_CHECK(tree_.write(
      "/proc/stat", fmt::format("cpu  {} 0 0 {} 0 0 0 0 0 0\n{}", all_busy, all_idle, lines)));
  return tree_.write(board::kCpus + "/online"s, core_list(online));
}

}  // namespace wattle::control
