#include "control/orin_model.hpp"

#include <algorithm>
#include <cmath>

namespace wattle::control {
namespace {
constexpr double kRestGpuSoc = 5139.0;
constexpr double kRestCpuCv = 3268.0;
constexpr double kRestSys5v0 = 5500.0;
constexpr double kRest = kRestGpuSoc + kRestCpuCv + kRestSys5v0;
}  // namespace

Work decode_step(const OrinParameters& p, int batch) {
  return {p.decode_cycles_first + p.decode_cycles_each * (batch - 1), p.weight_bytes,
          p.decode_host_s};
}

Work prefill(const OrinParameters& p, int prompt_tokens) {
  return {p.prefill_cycles + p.prefill_cycles_per_token * prompt_tokens, p.weight_bytes,
          p.prefill_host_s};
}

StepTime step_time(const OrinParameters& p, const Work& work, double gpu_hz, double emc_hz) {
  const double gpu_s = std::max(work.cycles / gpu_hz, work.bytes / (emc_hz * p.bytes_per_emc_hz));
  const double seconds = std::max(work.host_s, gpu_s);
  return {seconds, std::min(1.0, gpu_s / seconds)};
}

double relative_voltage(const OrinParameters& p, double gpu_hz) {
  if (gpu_hz <= p.bin_hz.front()) return p.relative_voltage.front();
  for (std::size_t i = 1; i < kOrinBins; ++i) {
    if (gpu_hz > p.bin_hz[i]) continue;
    const double share = (gpu_hz - p.bin_hz[i - 1]) / (p.bin_hz[i] - p.bin_hz[i - 1]);
    return std::lerp(p.relative_voltage[i - 1], p.relative_voltage[i], share);
  }
  return p.relative_voltage.back();
}

double power_w(const OrinParameters& p, double gpu_hz, double busy, double temperature_c) {
  const double voltage = relative_voltage(p, gpu_hz);
  return p.idle_w + p.w_per_hz * gpu_hz * busy * voltage * voltage *
                        std::exp(p.leakage_per_c * (temperature_c - p.reference_c));
}

Rails split(const OrinParameters& p, double power_w) {
  const double added_w = power_w - p.idle_w;
  const double rest_w = p.idle_w * (1.0 - p.counted_twice);
  return {rest_w * kRestGpuSoc / kRest + added_w * (1.0 - 2.0 * p.counted_twice),
          rest_w * kRestCpuCv / kRest, rest_w * kRestSys5v0 / kRest + added_w * p.counted_twice,
          power_w * p.counted_twice};
}

double thermal_resistance(const OrinParameters& p, double fan_duty) {
  return 1.0 /
         std::lerp(1.0 / p.fan_off_c_per_w, 1.0 / p.fan_on_c_per_w, std::clamp(fan_duty, 0.0, 1.0));
}

double temperature_after(const OrinParameters& p, double temperature_c, double power_w,
                         double fan_duty, double seconds) {
  const double resistance = thermal_resistance(p, fan_duty);
  const double final_c = p.ambient_c + power_w * resistance;
  return final_c +
         (temperature_c - final_c) * std::exp(-seconds / (resistance * p.capacity_j_per_c));
}

int Throttle::update(const OrinParameters& p, double temperature_c, double seconds) {
  since_change_s_ += seconds;
  const bool hot = temperature_c >= p.throttle_trip_c;
  const bool cool = temperature_c < p.throttle_trip_c - p.throttle_hysteresis_c;
  if (since_change_s_ < p.throttle_period_s || (!hot && !cool)) return bins_;
  const int wanted = std::clamp(bins_ + (hot ? 1 : -1), 0, static_cast<int>(kOrinBins) - 1);
  if (wanted != bins_) since_change_s_ = 0.0;
  bins_ = wanted;
  return bins_;
}

}  // namespace wattle::control
