#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/exit_policy.hpp"
#include "engine/speculative.hpp"
#include "meter/block.hpp"
#include "meter/conditions.hpp"
#include "meter/energy_account.hpp"
#include "meter/formulas.hpp"
#include "meter/meter_parts.hpp"
#include "meter/peak_memory.hpp"
#include "meter/phase_observer.hpp"
#include "sense/idle_baseline.hpp"

namespace wattle::meter {
namespace {

constexpr double kLargestIdleDrift = 0.02;
constexpr double kLargestSamplerShare = 0.01;
constexpr double kSamplerKnownAfterS = 1.0;

// Divided, so that the result is the double nearest to a number of six decimals and prints as such.
double ms_between(std::int64_t from_ns, std::int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) / 1e6;
}

class RealMeter final : public Meter {
 public:
  RealMeter(MeterParts parts, const MeterOptions& options, Clock& clock)
      : options_(options), clock_(clock), parts_(std::move(parts)) {
    if (options.idle_power_w_hint > 0.0) idle_ = IdleBaseline{options.idle_power_w_hint, 0.0, 0.0};
  }

  Result<IdleBaseline> measure_idle(double seconds) override {
    if (!parts_.monitor) {
      return fail(ErrorCode::unavailable, "cannot measure idle power: " + parts_.note,
                  "See `wattle sense list`.");
    }
    WATTLE_TRY(const sense::IdlePower power,
               sense::measure_idle_power(*parts_.monitor, clock_, seconds));
    idle_ = IdleBaseline{power.power_w, power.standard_error_w, power.seconds};
    if (!first_idle_) first_idle_ = idle_;
    return *idle_;
  }

  [[nodiscard]] std::optional<IdleBaseline> idle() const override { return idle_; }

  [[nodiscard]] std::optional<double> idle_drift() const override {
    if (!first_idle_ || first_idle_->power_w <= 0.0) return std::nullopt;
    return idle_->power_w / first_idle_->power_w - 1.0;
  }

  [[nodiscard]] std::optional<EnergySource> energy_source() const override { return parts_.source; }
  [[nodiscard]] std::string energy_note() const override { return parts_.note; }

  [[nodiscard]] double sample_rate_hz() const override {
    return parts_.monitor ? parts_.monitor->rate_hz() : 0.0;
  }

  [[nodiscard]] SamplerCost sampler_cost() const override {
    if (!parts_.monitor) return {};
    const sense::MonitorCost cost = parts_.monitor->cost();
    return {cost.cpu_seconds, cost.wall_seconds, cost.n_reads};
  }

  Result<InferenceRecord> measure(engine::Session& session, const Prompt& prompt,
                                  const engine::GenerateOptions& options,
                                  engine::GenerateObserver* observer) override;

  Status open_block() override {
    if (block_) {
      return fail(ErrorCode::invalid_argument, "a block is already open", "Close it first.");
    }
    block_.emplace();
    if (parts_.monitor) {
      block_->start = parts_.monitor->begin();
      block_->start_ns = block_->start.t_ns;
    } else {
      block_->start_ns = clock_.monotonic_ns();
    }
    return {};
  }

  Result<BlockEnergy> close_block() override;

  [[nodiscard]] std::optional<double> block_seconds() const override {
    if (!block_) return std::nullopt;
    return static_cast<double>(clock_.monotonic_ns() - block_->start_ns) * 1e-9;
  }

  [[nodiscard]] std::vector<PowerSample> power_trace(std::int64_t since_ns,
                                                     std::size_t max_samples) const override {
    std::vector<PowerSample> samples;
    if (!parts_.monitor) return samples;
    for (const auto& point : parts_.monitor->power(since_ns, clock_.monotonic_ns(), max_samples)) {
      samples.push_back({point.t_ns, point.power_w});
    }
    return samples;
  }

 private:
  struct Times {
    std::int64_t start_ns, tokenized_ns, prefill_begin_ns, prefill_end_ns, end_ns;
    std::optional<std::int64_t> first_token_ns;
  };
  static void fill_times(InferenceRecord& record, const Times& times,
                         const std::vector<std::int64_t>& token_ns);
  void fill_tokens(InferenceRecord& record, const engine::GenerateResult& result) const;
  void fill_compute(InferenceRecord& record, const engine::Session& session,
                    std::uint32_t start_position, const engine::GenerateResult& result,
                    const engine::GenerateOptions& options) const;
  void fill_energy(InferenceRecord& record, const AnswerWindows& windows, const Times& times) const;
  void flag_conditions(InferenceRecord& record) const;
  [[nodiscard]] AnswerWindows windows_of(const sense::Mark& start, const PhaseObserver& phases,
                                         const Times& times);

  MeterOptions options_;
  Clock& clock_;
  MeterParts parts_;
  std::optional<IdleBaseline> idle_, first_idle_;
  std::optional<OpenBlock> block_;
};

Result<InferenceRecord> RealMeter::measure(engine::Session& session, const Prompt& prompt,
                                           const engine::GenerateOptions& options,
                                           engine::GenerateObserver* observer) {
  sense::EnergyMonitor* const monitor = parts_.monitor.get();
  const bool memory_is_own = reset_peak_rss(options_.process_root);
  InferenceRecord record;
  record.timestamp = iso8601_utc(clock_.wall_ns());
  PhaseObserver phases(clock_, monitor, observer);

  // From here to end_ns nothing but the inference runs on this thread, except one reading of the
  // sensors after the first token.
  const sense::Mark start = monitor ? monitor->begin() : sense::Mark{};
  const std::int64_t start_ns = monitor ? start.t_ns : clock_.monotonic_ns();
  const std::uint32_t start_position = session.position();
  std::vector<engine::TokenId> tokens =
      session.model().tokenizer().encode(prompt.text, prompt.encode);
  tokens.insert(tokens.begin(), prompt.before.begin(), prompt.before.end());
  const std::int64_t tokenized_ns = clock_.monotonic_ns();
  WATTLE_TRY(const engine::GenerateResult result,
             parts_.generate(session, tokens, options, &phases));
  const std::int64_t end_ns = phases.decode_end_ns.value_or(clock_.monotonic_ns());

  Times times{start_ns, tokenized_ns, phases.prefill_begin_ns.value_or(tokenized_ns),
              0,        end_ns,       std::nullopt};
  times.prefill_end_ns = phases.prefill_end_ns.value_or(times.prefill_begin_ns);
  if (!phases.token_ns.empty()) times.first_token_ns = phases.token_ns.front();
  const AnswerWindows windows = windows_of(start, phases, times);
  record.peak_rss_bytes = peak_rss_bytes(options_.process_root);

  record.model = session.model().config().name;
  record.precision = session.model().precision();
  record.exit_layer = options.exit.layer;
  if (options.exit.entropy_nats) record.exit_entropy_nats = *options.exit.entropy_nats;
  record.exit_rule = engine::exit_rule_name(options.exit);
  record.speculation = engine::speculation_name(options.speculation);
  fill_tokens(record, result);
  fill_times(record, times, phases.token_ns);
  fill_energy(record, windows, times);
  derive(record);
  fill_compute(record, session, start_position, result, options);
  if (record.peak_rss_bytes && !memory_is_own) {
    record.flags.emplace_back("peak memory is the process's since its start, not this answer's");
  }
  if (monitor) fill_conditions(record, *monitor, times.start_ns, times.end_ns);
  flag_conditions(record);
  if (block_) block_->add(record, windows);
  return record;
}

AnswerWindows RealMeter::windows_of(const sense::Mark& start, const PhaseObserver& phases,
                                    const Times& times) {
  AnswerWindows windows;
  sense::EnergyMonitor* const monitor = parts_.monitor.get();
  if (!monitor) {
    windows.whole.problem = windows.prefill.problem = windows.decode.problem = parts_.note;
    return windows;
  }
  monitor->sample_now();
  const sense::Mark end = monitor->mark_at(times.end_ns);
  const sense::Mark begin_prefill = phases.prefill_begin_mark
                                        ? *phases.prefill_begin_mark
                                        : monitor->mark_at(times.prefill_begin_ns);
  const sense::Mark end_prefill =
      phases.prefill_end_mark ? *phases.prefill_end_mark : monitor->mark_at(times.prefill_end_ns);
  windows.whole = monitor->between(start, end);
  windows.prefill = monitor->between(begin_prefill, end_prefill);
  windows.decode = monitor->between(end_prefill, end);
  return windows;
}

void RealMeter::fill_times(InferenceRecord& record, const Times& times,
                           const std::vector<std::int64_t>& token_ns) {
  record.tokenize_ms = ms_between(times.start_ns, times.tokenized_ns);
  record.prefill_ms = ms_between(times.prefill_begin_ns, times.prefill_end_ns);
  record.decode_ms = ms_between(times.prefill_end_ns, times.end_ns);
  record.e2e_latency_ms = ms_between(times.start_ns, times.end_ns);
  if (times.first_token_ns) record.ttft_ms = ms_between(times.start_ns, *times.first_token_ns);
  for (std::size_t i = 1; i < token_ns.size(); ++i) {
    record.itl_ms.push_back(ms_between(token_ns[i - 1], token_ns[i]));
  }
}

void RealMeter::fill_tokens(InferenceRecord& record, const engine::GenerateResult& result) const {
  record.n_prompt_tokens = result.n_prompt_tokens;
  record.n_output_tokens = result.tokens.size();
  record.output_text = result.text;
  record.stop_reason = engine::stop_reason_name(result.stop);
  if (result.speculation) {
    record.n_drafted_tokens = result.speculation->n_drafted;
    record.n_accepted_tokens = result.speculation->n_accepted;
    record.n_verification_passes = result.speculation->n_passes;
  }
  if (result.tokens.empty()) return;
  double layers = 0.0;
  double entropy_nats = 0.0;
  for (const engine::GeneratedToken& token : result.tokens) {
    layers += token.layers;
    entropy_nats += static_cast<double>(token.entropy_nats);
  }
  const auto n = static_cast<double>(result.tokens.size());
  record.mean_layers = layers / n;
  record.mean_entropy_nats = entropy_nats / n;
}

void RealMeter::fill_compute(InferenceRecord& record, const engine::Session& session,
                             std::uint32_t start_position, const engine::GenerateResult& result,
                             const engine::GenerateOptions& options) const {
  const engine::Model& model = session.model();
  const ModelShape shape = shape_of(model.config());
  record.flops_prefill =
      flops_prefill(shape, record.n_prompt_tokens, Attention::causal, Logits::last,
                    options.exit.layer) +
      flops_of_past(shape, start_position, record.n_prompt_tokens, options.exit.layer);
  // Work that is not one step a token is not counted, and a figure that leaves it out would be
  // wrong: guessed positions, layers that are run later.
  const bool recomputes =
      options.exit.kv == engine::ExitKv::recompute && !engine::exit_rule_name(options.exit).empty();
  if (result.speculation || recomputes) return;
  double decode_flops = 0.0;
  double decode_bytes = 0.0;
  const double kv_per_position =
      session.context() > 0 ? static_cast<double>(session.kv_bytes()) / session.context() : 0.0;
  for (std::size_t i = 1; i < result.tokens.size(); ++i) {
    const std::uint32_t layers = result.tokens[i].layers;
    const std::uint64_t context = start_position + record.n_prompt_tokens + i;
    decode_flops += flops_decode_step(shape, context, layers);
    const double layer_share =
        shape.n_layers > 0 && layers > 0 ? layers / static_cast<double>(shape.n_layers) : 1.0;
    decode_bytes += static_cast<double>(model.bytes_per_token(layers)) +
                    kv_per_position * static_cast<double>(context) * layer_share;
  }
  record.flops_decode = decode_flops;
  record.mfu = mfu(*record.flops_prefill + decode_flops,
                   (record.prefill_ms + record.decode_ms) * 1e-3, options_.peak_flops_per_s);
  if (record.tpot_ms && result.tokens.size() >= 2) {
    record.mbu = mbu(decode_bytes / static_cast<double>(result.tokens.size() - 1),
                     *record.tpot_ms * 1e-3, options_.peak_bytes_per_s);
  }
}

void RealMeter::fill_energy(InferenceRecord& record, const AnswerWindows& windows,
                            const Times& times) const {
  if (options_.carbon_g_per_kwh > 0.0) {
    record.carbon_g_per_kwh = options_.carbon_g_per_kwh;
    record.pue = options_.pue;
  }
  if (!parts_.monitor) {
    if (!parts_.note.empty()) record.flags.push_back(energy_flag("none: " + parts_.note));
    return;
  }
  record.energy_source = parts_.source;
  if (idle_) record.idle_power_w = idle_->power_w;
  if (!parts_.note.empty()) record.flags.push_back(energy_flag(parts_.note));
  // A sensor that did not change within a window says nothing about it.
  const auto resolved = [&](const sense::WindowEnergy& window, const char* what) {
    if (window.energy_j && window.n_updates == 0) {
      record.flags.push_back(energy_flag(fmt::format("the sensor did not update within {}", what)));
      return std::optional<Energy>();
    }
    return energy_of(window, idle_);
  };
  record.energy = resolved(windows.whole, "the answer");
  if (windows.whole.energy_j && windows.whole.n_updates == 0) return;
  flag_window(windows.whole, record.energy, record.flags);
  record.energy_prefill = resolved(windows.prefill, "prefill");
  record.energy_decode = resolved(windows.decode, "decode");
  record.peak_power_w = parts_.monitor->peak_power_w(times.start_ns, times.end_ns);
}

void RealMeter::flag_conditions(InferenceRecord& record) const {
  if (const auto drift = idle_drift(); drift && std::abs(*drift) > kLargestIdleDrift) {
    record.flags.push_back(fmt::format("idle power drifted by {:+.1f} %", 100.0 * *drift));
  }
  const SamplerCost cost = sampler_cost();
  if (cost.wall_seconds > kSamplerKnownAfterS && cost.share_of_a_core() > kLargestSamplerShare) {
    record.flags.push_back(
        fmt::format("reading sensors takes {:.1f} % of a core", 100.0 * cost.share_of_a_core()));
  }
}

Result<BlockEnergy> RealMeter::close_block() {
  if (!block_) {
    return fail(ErrorCode::invalid_argument, "no block is open", "Call open_block() first.");
  }
  const OpenBlock books = std::move(*block_);
  block_.reset();
  sense::WindowEnergy whole;
  double update_period_s = 0.0;
  std::int64_t end_ns = clock_.monotonic_ns();
  if (parts_.monitor) {
    const sense::Mark end = parts_.monitor->end();
    end_ns = end.t_ns;
    whole = parts_.monitor->between(books.start, end);
    for (const auto& info : parts_.monitor->infos()) {
      update_period_s = std::max(update_period_s, info.update_period_s);
    }
  } else {
    whole.problem = parts_.note;
  }
  BlockEnergy block = close_books(books, whole, static_cast<double>(end_ns - books.start_ns) * 1e-9,
                                  update_period_s, idle_);
  block.source = parts_.source;
  if (parts_.monitor) {
    if (block.energy) block.peak_power_w = parts_.monitor->peak_power_w(books.start_ns, end_ns);
    if (!parts_.note.empty()) block.flags.push_back(energy_flag(parts_.note));
  }
  return block;
}

}  // namespace

std::unique_ptr<Meter> make_meter(MeterParts parts, const MeterOptions& options, Clock& clock) {
  return std::make_unique<RealMeter>(std::move(parts), options, clock);
}

}  // namespace wattle::meter
