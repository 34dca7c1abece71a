#include "meter/block.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace wattle::meter {
namespace {

constexpr double kMsPerSecond = 1000.0;
// A phase shorter than this many updates of the sensor is only resolved over many answers.
constexpr double kResolvedUpdates = 2.0;

double other_ms(const InferenceRecord& r) {
  return r.e2e_latency_ms - r.prefill_ms - r.decode_ms;
}

// The share of `part` in `whole`; everything to the only one there is if no time was taken.
double share(double part, double whole, std::size_t n) {
  return whole > 0.0 ? part / whole : 1.0 / static_cast<double>(n);
}

}  // namespace

void OpenBlock::add(const InferenceRecord& record, const AnswerWindows& windows) {
  answers.add(windows.whole);
  prefill.add(windows.prefill);
  decode.add(windows.decode);
  prefill_s += record.prefill_ms / kMsPerSecond;
  decode_s += record.decode_ms / kMsPerSecond;
  answers_s += record.e2e_latency_ms / kMsPerSecond;
  n_output_tokens += record.n_output_tokens;
  ++n_answers;
}

BlockEnergy close_books(const OpenBlock& block, const sense::WindowEnergy& whole, double seconds,
                        double update_period_s, const std::optional<IdleBaseline>& idle) {
  BlockEnergy out;
  out.seconds = seconds;
  out.prefill_seconds = block.prefill_s;
  out.decode_seconds = block.decode_s;
  out.other_seconds = block.answers_s - block.prefill_s - block.decode_s;
  out.between_seconds = seconds - block.answers_s;
  out.n_answers = block.n_answers;
  out.n_output_tokens = block.n_output_tokens;
  out.n_updates = whole.n_updates;
  if (idle) out.idle_power_w = idle->power_w;
  out.energy = energy_of(whole, idle);
  flag_window(whole, out.energy, out.flags);
  if (!out.energy) return out;
  out.avg_power_w = whole.avg_power_w();
  out.answers = block.answers.energy(idle);
  out.prefill = block.prefill.energy(idle);
  out.decode = block.decode.energy(idle);
  out.other = minus(minus(out.answers, out.prefill), out.decode);
  out.between = minus(out.energy, out.answers);
  const double mean_phase_s =
      std::min(out.prefill_seconds, out.decode_seconds) / static_cast<double>(block.n_answers);
  if (block.n_answers > 0 && mean_phase_s < kResolvedUpdates * update_period_s) {
    out.flags.push_back(energy_flag(fmt::format(
        "phases of {:.3g} ms under a sensor that updates every {:.3g} ms: the split into "
        "prefill and decode is statistical",
        mean_phase_s * kMsPerSecond, update_period_s * kMsPerSecond)));
  }
  return out;
}

Status attribute(std::span<InferenceRecord> records, const BlockEnergy& block) {
  double prefill_ms = 0.0;
  double decode_ms = 0.0;
  double rest_ms = 0.0;
  for (const InferenceRecord& r : records) {
    prefill_ms += r.prefill_ms;
    decode_ms += r.decode_ms;
    rest_ms += other_ms(r);
  }
  const auto differs = [](double ms, double seconds) {
    return std::abs(ms / kMsPerSecond - seconds) > 1e-6 * (1.0 + std::abs(seconds));
  };
  if (records.size() != block.n_answers || differs(prefill_ms, block.prefill_seconds) ||
      differs(decode_ms, block.decode_seconds) || differs(rest_ms, block.other_seconds)) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("{} records with {:.6f} s of prefill and {:.6f} s of decode are not the "
                    "{} answers of a block with {:.6f} s and {:.6f} s",
                    records.size(), prefill_ms / kMsPerSecond, decode_ms / kMsPerSecond,
                    block.n_answers, block.prefill_seconds, block.decode_seconds),
        "Attribute a block to exactly the records measured inside it.");
  }
  for (InferenceRecord& r : records) {
    r.energy_source = block.source;
    r.idle_power_w = block.idle_power_w;
    r.peak_power_w = block.peak_power_w;
    r.energy_block_answers = block.n_answers;
    r.energy_block_s = block.seconds;
    r.energy.reset();
    r.energy_prefill.reset();
    r.energy_decode.reset();
    // What was said of the answer's own short window no longer holds.
    std::erase_if(r.flags, is_energy_flag);
    r.flags.insert(r.flags.end(), block.flags.begin(), block.flags.end());
    if (block.answers && block.prefill && block.decode && block.other) {
      r.energy_prefill = share_of(*block.prefill, share(r.prefill_ms, prefill_ms, records.size()));
      r.energy_decode = share_of(*block.decode, share(r.decode_ms, decode_ms, records.size()));
      const Energy rest = share_of(*block.other, share(other_ms(r), rest_ms, records.size()));
      r.energy = plus(plus(r.energy_prefill, r.energy_decode), rest);
      // The errors of the phases cancel where they meet: the answer has its share of the whole's.
      const Energy bounds = share_of(
          *block.answers, share(r.energy->gross_j, block.answers->gross_j, records.size()));
      r.energy->uncertainty_j = bounds.uncertainty_j;
      r.energy->boundary_j = bounds.boundary_j;
      r.energy->sensor_j = bounds.sensor_j;
    }
    derive(r);
  }
  return {};
}

}  // namespace wattle::meter
