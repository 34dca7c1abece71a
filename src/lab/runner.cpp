#include "lab/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/interrupt.hpp"

namespace wattle::lab {
namespace {

constexpr std::size_t kPowerSamplesPerBlock = 120;
// Answers of later passes count in the block's totals only: a fast model repeats its prompts a
// hundred times within a window.
constexpr int kStoredPasses = 2;
constexpr int kMostPasses =
    100'000;  // prompts that take no time must not turn into an endless loop

class Runner {
 public:
  Runner(const Plan& plan, RunnerParts parts)
      : plan_(plan),
        manifest_(plan.manifest),
        parts_(std::move(parts)),
        start_ns_(parts_.clock.monotonic_ns()),
        spent_s_(plan.configurations.size(), 0.0) {}

  Result<RunOutcome> run() {
    WATTLE_CHECK(find_work());
    if (work_.empty()) return outcome_;
    Progress progress(manifest_.name, static_cast<double>(work_.size()) + 2.0 * idle_weight(),
                      parts_.clock, parts_.progress);
    progress_ = &progress;
    WATTLE_CHECK(begin_session());
    const Status done = work();
    session_.state = !done ? "failed" : outcome_.interrupted ? "interrupted" : "finished";
    note_sampler();
    const Status noted = parts_.store.update_session(session_);
    progress.finish();
    if (!done) return std::unexpected(done.error());
    if (!noted) return std::unexpected(noted.error());
    return outcome_;
  }

 private:
  struct Work {
    int trial = 0;
    std::size_t configuration = 0;
    TrialState state;
  };

  // What the store does not have yet, in the order it will be run.
  Status find_work() {
    for (int trial = 0; trial < static_cast<int>(manifest_.trials); ++trial) {
      for (const auto c : trial_order(plan_, trial)) {
        ++outcome_.n_trials_planned;
        WATTLE_TRY(TrialState state, parts_.store.trial_state(plan_.configurations[c].id, trial));
        spent_s_[c] += state.seconds;
        if (state.complete) {
          ++outcome_.n_trials_before;
        } else {
          work_.push_back({trial, c, std::move(state)});
        }
      }
    }
    return {};
  }

  Status begin_session() {
    session_.started = iso8601_utc(parts_.clock.wall_ns());
    session_.state = "running";
    session_.machine = parts_.machine;
    session_.energy_source = parts_.meter.energy_source();
    session_.machine["energy_note"] = parts_.meter.energy_note();
    WATTLE_TRY(session_.id, parts_.store.begin_session(session_));
    return {};
  }

  void note_sampler() {
    const double rate_hz = parts_.meter.sample_rate_hz();
    if (rate_hz <= 0.0) return;
    session_.machine["sample_rate_hz"] = rate_hz;
    session_.machine["sampler_share_of_core_percent"] =
        parts_.meter.sampler_cost().share_of_a_core() * 100.0;
  }

  Status work() {
    WATTLE_CHECK(load(plan_.variant_of[work_.front().configuration]));
    WATTLE_CHECK(measure_idle(session_.idle_before));
    for (const auto& work : work_) {
      if (interrupted()) {
        outcome_.interrupted = true;
        return {};
      }
      if (is_capped(work.configuration)) continue;
      WATTLE_CHECK(run_block(work));
      done_ += 1.0;
    }
    outcome_.interrupted = interrupted();
    if (!outcome_.interrupted) WATTLE_CHECK(measure_idle(session_.idle_after));
    if (const auto drift = idle_drift(session_); drift && *drift > kIdleDriftLimit) {
      session_.flags.push_back(fmt::format("idle drift {:.1f} %", *drift * 100.0));
    }
    return {};
  }

  // One model at a time, so that peak memory is that of the configuration.
  Status load(std::size_t variant) {
    if (engine_session_ && loaded_ == variant) return {};
    engine_session_.reset();
    const auto& file = plan_.variants[variant];
    progress_->update(done_, fmt::format("loading {} {}", file.model, file.precision));
    WATTLE_TRY(engine_session_, parts_.open_session(file));
    loaded_ = variant;
    session_.machine["isa"] = engine_session_->model().isa();
    session_.machine["threads"] = engine_session_->model().threads();
    return parts_.store.update_session(session_);
  }

  [[nodiscard]] double idle_weight() const {
    if (!parts_.meter.energy_source()) return 0.0;
    return manifest_.measure.idle_seconds / std::max(1.0, manifest_.measure.min_block_seconds);
  }

  Status measure_idle(std::optional<meter::IdleBaseline>& baseline) {
    const double seconds = manifest_.measure.idle_seconds;
    if (seconds <= 0.0 || !parts_.meter.energy_source()) return {};
    progress_->update(done_, "idle baseline");
    const std::int64_t from_ns = parts_.clock.monotonic_ns();
    WATTLE_TRY(baseline, parts_.meter.measure_idle(seconds));
    done_ += idle_weight();
    WATTLE_CHECK(parts_.store.add_power(power_since(from_ns)));
    return parts_.store.update_session(session_);
  }

  [[nodiscard]] std::vector<PowerPoint> power_since(std::int64_t from_ns) const {
    std::vector<PowerPoint> points;
    for (const auto& sample : parts_.meter.power_trace(from_ns, kPowerSamplesPerBlock)) {
      points.push_back({session_.id, seconds_of(sample.t_ns), sample.power_w});
    }
    return points;
  }

  [[nodiscard]] double seconds_of(std::int64_t t_ns) const {
    return static_cast<double>(t_ns - start_ns_) * 1e-9;
  }

  bool is_capped(std::size_t c) {
    const double cap_s = manifest_.measure.max_seconds_per_configuration;
    if (cap_s <= 0.0 || spent_s_[c] < cap_s) return false;
    const auto& configuration = plan_.configurations[c];
    const std::string flag =
        fmt::format("{} ({}, {}): no more trials after the cap of {} s", configuration.model,
                    short_label(configuration), configuration.suite, cap_s);
    if (std::find(session_.flags.begin(), session_.flags.end(), flag) == session_.flags.end()) {
      session_.flags.push_back(flag);
    }
    done_ += 1.0;
    return true;
  }

  Status run_block(const Work& work) {
    const auto& c = plan_.configurations[work.configuration];
    const auto& suite = plan_.suites[plan_.suite_of[work.configuration]];
    const auto& entry = manifest_.suites[plan_.suite_of[work.configuration]];
    const auto prompts = prompts_of_trial(entry, suite.prompts.size(), work.trial);
    WATTLE_CHECK(load(plan_.variant_of[work.configuration]));

    Block block;
    block.session_id = session_.id;
    block.configuration_id = c.id;
    block.trial = work.trial;
    block.part = work.state.n_parts;
    WATTLE_TRY(block.id, parts_.store.begin_block(block));
    for (std::uint32_t i = 0; i < manifest_.warmup && !interrupted(); ++i) {
      const std::size_t index = i % prompts.size();
      WATTLE_TRY(auto record, measure(work, suite.prompts[prompts[index]], true));
      WATTLE_CHECK(parts_.store.add_record(
          {block.id, c.id, -1 - static_cast<int>(i), static_cast<int>(index), std::move(record)}));
    }

    const std::int64_t from_ns = parts_.clock.monotonic_ns();
    block.started_s = seconds_of(from_ns);
    WATTLE_CHECK(parts_.meter.open_block());
    std::vector<StoredRecord> records;
    const Status measured = run_passes(work, block, suite, prompts, records);
    // Closed also after an error: the meter must not stay inside a block.
    auto window = parts_.meter.close_block();
    if (!measured) return measured;
    if (!window) return std::unexpected(window.error());
    return finish_block(work, block, *window, std::move(records), power_since(from_ns));
  }

  Status run_passes(const Work& work, Block& block, const Suite& suite,
                    const std::vector<std::size_t>& prompts, std::vector<StoredRecord>& records) {
    const auto n = static_cast<int>(prompts.size());
    const bool first_pass_done = static_cast<int>(work.state.done_prompts.size()) >= n;
    for (int pass = first_pass_done ? 1 : 0; pass < kMostPasses; ++pass) {
      for (int i = 0; i < n; ++i) {
        if (pass == 0 && work.state.done_prompts.contains(i)) continue;
        if (interrupted()) {
          block.completes_trial = pass > 0 && !records.empty();
          return {};
        }
        show_progress(work, block, pass == 0 ? static_cast<double>(i) / n : 1.0);
        const auto& prompt = suite.prompts[prompts[static_cast<std::size_t>(i)]];
        WATTLE_TRY(auto record, measure(work, prompt, false));
        records.push_back({block.id, block.configuration_id, pass, i, std::move(record)});
        if (pass < kStoredPasses) WATTLE_CHECK(parts_.store.add_record(records.back()));
      }
      ++block.n_passes;
      if (long_enough(work.configuration)) break;
    }
    block.completes_trial = true;
    return {};
  }

  [[nodiscard]] bool long_enough(std::size_t c) const {
    const auto& measure = manifest_.measure;
    const double seconds = parts_.meter.block_seconds().value_or(0.0);
    const double cap_s = measure.max_seconds_per_configuration;
    if (cap_s > 0.0 && spent_s_[c] + seconds >= cap_s) return true;
    if (seconds < measure.min_block_seconds) return false;
    const double updates = seconds * parts_.meter.sample_rate_hz();
    return !parts_.meter.energy_source() || updates >= measure.min_sensor_updates;
  }

  void show_progress(const Work& work, const Block& block, double pass_share) {
    const auto& c = plan_.configurations[work.configuration];
    double share = pass_share;
    const double least_s = manifest_.measure.min_block_seconds;
    if (least_s > 0.0) {
      share = std::min(share, parts_.meter.block_seconds().value_or(0.0) / least_s);
    }
    progress_->update(done_ + std::min(share, 1.0), fmt::format("trial {}/{}  {}", block.trial + 1,
                                                                manifest_.trials, short_label(c)));
  }

  Result<meter::InferenceRecord> measure(const Work& work, const Prompt& prompt, bool warmup) {
    const auto& c = plan_.configurations[work.configuration];
    engine::GenerateOptions options = manifest_.generate;
    options.exit.layer = c.exit_layer;
    // Trials are repetitions of the same prompts: with sampling each has its own stream.
    options.sampling.seed += static_cast<std::uint64_t>(work.trial);
    engine_session_->rewind(0);
    auto record = parts_.meter.measure(*engine_session_, {.text = prompt.text}, options);
    if (!record) {
      record.error().what = fmt::format("prompt '{}' of suite {} on {} ({}): {}", prompt.id,
                                        c.suite, c.model, short_label(c), record.error().what);
      return record;
    }
    record->run_id = fmt::format("{}::{}::{}-layer{}::cycle_{}", c.model, c.suite, c.precision,
                                 c.exit_layer == 0 ? c.n_layers : c.exit_layer, work.trial + 1);
    record->model = c.model;
    record->model_sha256 = c.model_sha256;
    record->precision = c.precision;
    record->suite = c.suite;
    record->prompt_id = prompt.id;
    record->exit_layer = c.exit_layer;
    record->trial = work.trial;
    record->warmup = warmup;
    if (!prompt.expect.empty()) record->correct = is_correct(prompt, record->output_text);
    return record;
  }

  Status finish_block(const Work& work, Block& block, const meter::BlockEnergy& window,
                      std::vector<StoredRecord> records, const std::vector<PowerPoint>& power) {
    std::vector<meter::InferenceRecord> plain;
    plain.reserve(records.size());
    for (auto& stored : records) plain.push_back(std::move(stored.record));
    if (!plain.empty()) WATTLE_CHECK(meter::attribute(plain, window));
    for (std::size_t i = 0; i < records.size(); ++i) {
      block.n_prompt_tokens += plain[i].n_prompt_tokens;
      block.n_output_tokens += plain[i].n_output_tokens;
      records[i].record = std::move(plain[i]);
    }
    block.n_requests = records.size();
    take_energy(block, window);
    block.closed = true;
    spent_s_[work.configuration] += block.seconds;
    ++outcome_.n_blocks_run;
    std::erase_if(records, [](const StoredRecord& r) { return r.pass >= kStoredPasses; });
    return parts_.store.finish_block(block, records, power);
  }

  const Plan& plan_;
  const Manifest& manifest_;
  RunnerParts parts_;
  std::int64_t start_ns_;
  std::vector<double> spent_s_;  // [configuration]
  std::vector<Work> work_;
  SessionInfo session_;
  RunOutcome outcome_;
  Progress* progress_ = nullptr;
  double done_ = 0.0;
  std::unique_ptr<engine::Session> engine_session_;
  std::size_t loaded_ = 0;
};

}  // namespace

Result<RunOutcome> run_plan(const Plan& plan, RunnerParts parts) {
  return Runner(plan, std::move(parts)).run();
}

OpenSession engine_sessions(const Manifest& manifest) {
  const int threads = static_cast<int>(manifest.threads);
  const std::uint32_t context = manifest.context;
  return
      [threads, context](const ModelVariant& variant) -> Result<std::unique_ptr<engine::Session>> {
        engine::LoadOptions load;
        load.threads = threads;
        WATTLE_TRY(auto model, engine::Model::load(variant.file, load));
        engine::SessionOptions session;
        session.context = context;
        return engine::Session::create(std::move(model), session);
      };
}

}  // namespace wattle::lab
