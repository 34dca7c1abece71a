#include "sense/utilisation_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace wattle::sense {
namespace {

constexpr const char* kFile = "/proc/stat";
constexpr const char* kId = "utilisation-model";
constexpr double kRateHz = 20.0;
constexpr double kMostHeldBackTicks = 2.0;
constexpr std::size_t kLargestStat = 8U << 20;  // the "intr" line of a large server

class UtilisationModel final : public PowerSensor {
 public:
  UtilisationModel(FsRoot root, const Clock& clock, const ModelRange& range, int n_cores)
      : root_(std::move(root)), clock_(clock), curve_(range) {
    info_.id = kId;
    info_.source = kFile;
    info_.scope = fmt::format("all cores, modelled {:g}–{:g} W", range.idle_w, range.max_w);
    info_.kind = Kind::model;
    info_.rail = Rail::modelled;
    info_.update_period_s = kTickSeconds;
    info_.default_rate_hz = kRateHz;
    info_.resolution_j = (range.max_w - range.idle_w) * kTickSeconds / n_cores;
  }

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    const auto times = read_times();
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    if (!times) {
      curve_.forget();
      return std::unexpected(times.error());
    }
    const auto step = curve_.add(*times, t_ns);
    Reading reading{t_ns, step.energy_j, std::nullopt, std::nullopt};
    if (!step.continued) reading.lost = "the processor times in /proc/stat went backwards";
    return reading;
  }

 private:
  Result<CpuTimes> read_times() const {
    WATTLE_TRY(const std::string text, root_.read_text(kFile, kLargestStat));
    return parse_proc_stat(text, root_.resolve(kFile).string());
  }

  SensorInfo info_;
  FsRoot root_;
  const Clock& clock_;
  UtilisationCurve curve_;
};

}  // namespace

UtilisationCurve::Step UtilisationCurve::add(const CpuTimes& times, std::int64_t t_ns) {
  const double cores = std::max(times.n_cores, 1);
  const std::uint64_t old_ticks = std::exchange(last_ticks_, times.busy_ticks);
  const std::int64_t old_t_ns = std::exchange(last_t_ns_, t_ns);
  if (!std::exchange(started_, true)) return {energy_j_, true};
  if (times.busy_ticks < old_ticks || t_ns < old_t_ns) return {energy_j_, false};
  const double seconds = static_cast<double>(t_ns - old_t_ns) * 1e-9;
  const double busy_s =
      held_back_s_ + static_cast<double>(times.busy_ticks - old_ticks) * kTickSeconds;
  const double released_s = std::min(busy_s, seconds * cores);  // utilisation ≤ 1
  held_back_s_ = std::min(busy_s - released_s, kMostHeldBackTicks * kTickSeconds * cores);
  energy_j_ += range_.idle_w * seconds + (range_.max_w - range_.idle_w) * released_s / cores;
  return {energy_j_, true};
}

ModelRange model_range(Board board, const ModelOptions& options) {
  constexpr double kNanoMaxW = 10.0;
  ModelRange range;
  if (board == Board::jetson_nano) range.max_w = kNanoMaxW;
  range.idle_w = options.idle_w.value_or(range.idle_w);
  range.max_w = options.max_w.value_or(range.max_w);
  return range;
}

void discover_utilisation_model(const FsRoot& root, const Clock& clock, const ModelOptions& options,
                                Inventory& inventory) {
  const auto refuse = [&](std::string reason, std::string remedy) {
    inventory.unavailable.push_back({kId, kFile, std::move(reason), std::move(remedy)});
  };
  const ModelRange range = model_range(board_of(root), options);
  if (!std::isfinite(range.idle_w) || !std::isfinite(range.max_w) || range.idle_w < 0.0 ||
      range.max_w < range.idle_w) {
    return refuse(fmt::format("idle {} W and maximum {} W are no range", range.idle_w, range.max_w),
                  "Give 0 ≤ idle ≤ maximum.");
  }
  const auto text = root.read_text(kFile, kLargestStat);
  if (!text) return refuse(text.error().what, "Mount /proc, or name its root with --root.");
  const auto times = parse_proc_stat(*text, root.resolve(kFile).string());
  if (!times) return refuse(times.error().what, "Check that --root names a Linux root.");
  auto sensor = std::make_unique<UtilisationModel>(root, clock, range, times->n_cores);
  if (const auto reading = sensor->read(); !reading) return refuse(reading.error().what, {});
  inventory.sensors.push_back(std::move(sensor));
}

}  // namespace wattle::sense
