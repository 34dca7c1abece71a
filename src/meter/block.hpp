#pragma once
// The books of an open block: what every answer added.

#include <cstdint>

#include "meter/energy_account.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::meter {

// Windows of one answer; the energies are unknown where there is no monitor.
struct AnswerWindows {
  sense::WindowEnergy whole, prefill, decode;
};

struct OpenBlock {
  std::int64_t start_ns = 0;
  sense::Mark start;  // empty without a monitor
  EnergySum answers, prefill, decode;
  double prefill_s = 0.0, decode_s = 0.0, answers_s = 0.0;
  std::uint64_t n_answers = 0;
  std::uint64_t n_output_tokens = 0;

  void add(const InferenceRecord& record, const AnswerWindows& windows);
};

// `whole` is the block's own window, `seconds` its length, `update_period_s` that of the slowest
// sensor.
[[nodiscard]] BlockEnergy close_books(const OpenBlock& block, const sense::WindowEnergy& whole,
                                      double seconds, double update_period_s,
                                      const std::optional<IdleBaseline>& idle);

}  // namespace wattle::meter
