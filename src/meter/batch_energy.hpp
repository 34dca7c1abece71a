#pragma once
// The energy of requests that run together. Each step of a batch (one pass over the weights for all
// that take part) has its time and its energy; both are divided among those that took part, in two
// ways, because nothing measures which is right (docs/measurement.md):
//   by tokens  in proportion to the positions that a request had in the step: what it asked for
//   by time    equally among those that were in the step: how long it held the machine
// Energy is counted in whole nanojoules, so both ways sum to the steps' energy exactly, and
// steps + between = whole exactly.
//
// Steps are shorter than most sensors' updates: a step's energy is the difference of the sensor's
// curve, interpolated, at its ends. It is right on average over many steps.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "meter/inference_record.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::meter {

struct BatchShare {
  std::uint64_t request = 0;
  std::uint32_t n_prompt = 0;  // positions of its prompt in this step
  std::uint32_t n_decode = 0;  // tokens it decoded in this step
};

struct RequestEnergy {
  std::uint64_t n_prompt = 0;  // positions computed; without those found in the prefix cache
  std::uint64_t n_decode = 0;
  double held_s = 0.0;   // of the steps it was in
  double share_s = 0.0;  // of that, its equal part
  // Empty if the energy of one of its steps is unknown.
  std::optional<std::int64_t> prefill_by_tokens_nj, decode_by_tokens_nj;
  std::optional<std::int64_t> prefill_by_time_nj, decode_by_time_nj;
  [[nodiscard]] std::optional<std::int64_t> by_tokens_nj() const;
  [[nodiscard]] std::optional<std::int64_t> by_time_nj() const;
};

struct BatchAccount {
  double seconds = 0.0;
  std::uint64_t n_steps = 0;
  // Empty if it is unknown anywhere; `problem` says why.
  std::optional<std::int64_t> whole_nj, steps_nj, between_nj;
  std::string problem;
  double boundary_j = 0.0, sensor_j = 0.0;  // of the whole; one standard deviation each
  std::optional<double> avg_power_w;
  std::map<std::uint64_t, RequestEnergy> requests;
};

// Not thread safe. The monitor must outlive it.
class BatchEnergy {
 public:
  // Opens the window.
  explicit BatchEnergy(sense::EnergyMonitor& monitor);

  // A step that took part of the time since the last one. Ends do not go back; shares without any
  // position, or no shares at all, leave the step to nobody (`between`).
  void add_step(std::int64_t begin_ns, std::int64_t end_ns, std::span<const BatchShare> shares);
  // Closes the window; call once.
  [[nodiscard]] BatchAccount close();

 private:
  struct Step {
    std::int64_t begin_ns, end_ns;
    std::vector<BatchShare> shares;
  };
  struct Level {  // of all sensors together
    std::optional<std::int64_t> nj;
    std::vector<std::uint32_t> epochs;
  };
  void settle(std::int64_t until_ns);
  void settle(const Step& step);
  [[nodiscard]] static Level level_of(const sense::Mark& mark);
  [[nodiscard]] static std::optional<std::int64_t> between(const Level& a, const Level& b);

  sense::EnergyMonitor& monitor_;
  sense::Mark open_;
  std::deque<Step> pending_;  // whose ends the sensors have not passed yet
  std::int64_t lag_ns_;
  std::int64_t last_end_ns_;
  Level last_end_;
  std::optional<std::int64_t> steps_nj_ = 0, between_nj_ = 0;
  BatchAccount account_;
};

// Divides `nj` in proportion to the weights, in whole numbers that sum to it; what is left over
// goes, one each, to those whose share was cut most (largest remainder; the first of equals).
// Weights not all 0.
[[nodiscard]] std::vector<std::int64_t> divide_exactly(std::int64_t nj,
                                                       std::span<const std::uint64_t> weights);

}  // namespace wattle::meter
