#pragma once
// The parametric model of a Jetson AGX Orin running a language model on its GPU: power, step time,
// temperature. Fitted to the data of EnergyLLM (Llama-3.2-1B bf16; Zanatticus/EnergyLLM, MIT);
// docs/virtual-device.md says how far it lies from them. Everything here is computed, nothing is
// measured.
//
//   P  = P0 + k·f·u·(V/Vmin)²·e^{β(T−64)}            u: busy share of the GPU, min(1, t_gpu/t)
//   t  = max(t_host, t_gpu),  t_gpu = max(cycles/f, bytes/BW)
//   dT/dt = (P·R(fan) − (T − T_amb)) / (R·C)
//
// P counts as the data do: one rail, which lies inside another, twice (OrinParameters::
// counted_twice). What the board really takes is board_power_w().

#include <array>
#include <cstddef>

namespace wattle::control {

inline constexpr std::size_t kOrinBins = 11;

struct OrinParameters {
  // Power: fitted to the fan-on data.
  double idle_w = 13.7;           // P0, the host's thread that feeds the GPU included
  double w_per_hz = 24.9e-9;      // k = 24.9 mW/MHz
  double leakage_per_c = 0.0022;  // β
  double reference_c = 64.0;
  std::array<double, kOrinBins> bin_hz{306e6, 408e6,  510e6,  612e6,  714e6,   816e6,
                                       918e6, 1020e6, 1122e6, 1224e6, 1300.5e6};
  std::array<double, kOrinBins> relative_voltage{1.00, 1.01, 1.02, 1.04, 1.05, 1.07,
                                                 1.10, 1.13, 1.15, 1.19, 1.21};
  // The share of P that is VDDQ_VDD2_1V8AO, which VIN_SYS_5V0 contains and the data add again:
  // 1.27 W of 22.8 W on one board; assumed proportional.
  double counted_twice = 1.27 / 22.8;

  // Step time. A decode step of a batch, and the prefill of a prompt, both linear; each line runs
  // through the two ends of the measured column at 306 MHz, where the GPU is the limit: batch 1 and
  // 32 (56.7 and 94.9 ms), 11 and 567 prompt tokens (65 and 322 ms).
  double decode_host_s = 0.043;
  double decode_cycles_first = 17.35e6;  // batch 1
  double decode_cycles_each = 0.377e6;   // each further sequence
  double prefill_host_s = 0.053;         // the floor of the measured column of batch 1
  double prefill_cycles = 18.3e6;
  double prefill_cycles_per_token = 0.1414e6;
  double weight_bytes = 2.47e9;    // 1.236e9 parameters of 2 bytes
  double bytes_per_emc_hz = 64.0;  // 256 bits, twice a cycle: 204.7 GB/s at 3199 MHz (datasheet)

  // Heat: one body. Resistances from the two equilibria (95.5 °C at 27.8 W, 45.8 °C at 27.4 W),
  // ambient assumed; capacity from the fan-off pole, 250–300 J/K.
  double ambient_c = 25.0;
  double fan_off_c_per_w = 2.5;
  double fan_on_c_per_w = 0.77;
  double capacity_j_per_c = 275.0;

  // Throttling, a parameter: NVIDIA's documents give 99 °C for the software trip of this module.
  double throttle_trip_c = 99.0;
  double throttle_hysteresis_c = 3.0;
  double throttle_period_s = 1.0;  // one bin at a time
};

// The GPU's and memory's part of one step, and the host's beside it.
struct Work {
  double cycles = 0.0;
  double bytes = 0.0;
  double host_s = 0.0;
};
[[nodiscard]] Work decode_step(const OrinParameters& p, int batch);
[[nodiscard]] Work prefill(const OrinParameters& p, int prompt_tokens);

struct StepTime {
  double seconds = 0.0;
  double busy = 0.0;  // u
};
[[nodiscard]] StepTime step_time(const OrinParameters& p, const Work& work, double gpu_hz,
                                 double emc_hz);

// Linear between the bins, constant outside them.
[[nodiscard]] double relative_voltage(const OrinParameters& p, double gpu_hz);

// As the data count it.
[[nodiscard]] double power_w(const OrinParameters& p, double gpu_hz, double busy,
                             double temperature_c);

// P on the board's rails. The figures at rest are split as in a tegrastats line of an AGX Orin that
// does almost nothing (5139, 3268 and 5500 mW); what the GPU adds is VDD_GPU_SOC's, save the
// memory's share, which is in VDDQ_VDD2_1V8AO and so in VIN_SYS_5V0. An assumption, like the
// memory's share.
struct Rails {
  double gpu_soc_w = 0.0;
  double cpu_cv_w = 0.0;
  double sys_5v0_w = 0.0;  // contains vddq_w
  double vddq_w = 0.0;
  [[nodiscard]] double board_w() const { return gpu_soc_w + cpu_cv_w + sys_5v0_w; }
};
[[nodiscard]] Rails split(const OrinParameters& p, double power_w);

// `fan_duty` in [0, 1]. Linear in the conductance 1/R between off and on: an assumption, near what
// forced convection does.
[[nodiscard]] double thermal_resistance(const OrinParameters& p, double fan_duty);

// The exact solution for constant power; stable for any `seconds`.
[[nodiscard]] double temperature_after(const OrinParameters& p, double temperature_c,
                                       double power_w, double fan_duty, double seconds);

// Takes bins away while it is too hot, one in each period, and gives them back below
// trip − hysteresis.
class Throttle {
 public:
  // The number of bins taken from the top.
  int update(const OrinParameters& p, double temperature_c, double seconds);
  [[nodiscard]] int bins() const { return bins_; }

 private:
  int bins_ = 0;
  double since_change_s_ = 0.0;
};

}  // namespace wattle::control
