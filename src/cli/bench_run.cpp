#include "cli/bench_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "cli/bench_subject.hpp"
#include "cli/generation_options.hpp"
#include "engine/tensor_type.hpp"
#include "meter/open_energy.hpp"
#include "meter/peak_memory.hpp"

namespace wattle::cli {
namespace {

// Tests that share a filled context.
struct Group {
  std::uint32_t depth = 0;
  std::uint32_t n_sequences = 1;
  std::vector<BenchTest> tests;

  // Positions that the longest test needs. Decoding begins with one token that is not timed.
  [[nodiscard]] std::uint64_t context() const {
    std::uint64_t most = 0;
    for (const BenchTest& test : tests) {
      const std::uint64_t before = test.phase == BenchPhase::decode ? 1 : 0;
      most = std::max(most, before + test.n_tokens);
    }
    return depth + most;
  }
  // For the progress bar: a decoded token takes several times as long as one of a prompt.
  [[nodiscard]] double work(int repetitions) const {
    double sum = 0.0;
    for (const BenchTest& test : tests) sum += work_of(test);
    return depth + (repetitions + 1) * sum;
  }
  static double work_of(const BenchTest& test) {
    return test.phase == BenchPhase::prefill
               ? test.n_tokens
               : 5.0 * test.n_tokens * std::max(1.0, test.n_sequences / 4.0);
  }
};

// Prefill does not know about batches: it is measured once for each depth.
std::vector<Group> groups_of(const BenchOptions& options) {
  std::vector<Group> groups;
  for (const std::uint32_t depth : options.depths) {
    Group prompts{.depth = depth, .n_sequences = 1, .tests = {}};
    for (const std::uint32_t n : options.n_prompt) {
      if (n > 0) prompts.tests.push_back({BenchPhase::prefill, n, depth, 1});
    }
    groups.push_back(std::move(prompts));
    const std::size_t alone = groups.size() - 1;
    for (const std::uint32_t batch : options.batches) {
      Group many{.depth = depth, .n_sequences = batch, .tests = {}};
      for (const std::uint32_t n : options.n_generate) {
        if (n == 0) continue;
        Group& group = batch == 1 ? groups[alone] : many;
        group.tests.push_back({BenchPhase::decode, n, depth, batch});
      }
      groups.push_back(std::move(many));
    }
  }
  std::erase_if(groups, [](const Group& group) { return group.tests.empty(); });
  return groups;
}

double kv_element_bytes(const std::string& kv, std::uint32_t head_dim) {
  if (kv == "f32") return 4.0;
  return kv == "i8" ? 1.0 + 4.0 / std::max(head_dim, 1U) : 2.0;  // a scale for each vector
}

BenchModel describe(const engine::Model& model, const std::string& path, const std::string& kv) {
  BenchModel about;
  about.path = path;
  about.name = model.config().name;
  about.architecture = model.config().architecture;
  about.precision = model.precision();
  about.isa = model.isa();
  about.kv = kv;
  about.threads = model.threads();
  for (const auto& tensor : model.file().tensors()) {
    about.size_bytes += tensor.n_bytes;
    about.n_params += tensor.n_elements;
  }
  about.shape = meter::shape_of(model.config());
  about.weight_bytes_per_step = model.bytes_per_token();
  about.kv_bytes_per_position =
      meter::kv_bytes_per_position(about.shape, kv_element_bytes(kv, model.config().head_dim));
  about.arithmetic = model.arithmetic();
  return about;
}

// What cannot be measured is said before an hour of measuring the rest.
Status check_groups(const std::vector<Group>& groups, const BenchModel& about) {
  const double memory =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  for (const Group& group : groups) {
    const std::uint64_t context = group.context();
    const double kv =
        group.n_sequences * static_cast<double>(context) * about.kv_bytes_per_position;
    if (kv + static_cast<double>(about.size_bytes) > memory) {
      return fail(ErrorCode::resource_exhausted,
                  fmt::format("{} sequences of {} tokens need {:.1f} GB of KV cache beside {:.1f} "
                              "GB of weights, this machine has {:.1f} GB",
                              group.n_sequences, context, kv / 1e9,
                              static_cast<double>(about.size_bytes) / 1e9, memory / 1e9),
                  "Choose fewer sequences (-b), a smaller depth (-d) or --kv i8.");
    }
  }
  return {};
}

class Bench {
 public:
  Bench(const BenchOptions& options, std::vector<Group> groups, std::vector<BenchRecord>& records)
      : options_(options),
        groups_(std::move(groups)),
        records_(records),
        progress_("bench", total_work(), clock_) {}

  Status run() {
    meter::MeterOptions energy;
    apply(options_.energy, energy);
    WATTLE_TRY(energy_, meter::open_energy(energy, clock_));
    for (const std::string& path : options_.models) {
      for (const int threads : options_.threads) WATTLE_CHECK(measure_model(path, threads));
    }
    progress_.finish();
    return {};
  }

 private:
  [[nodiscard]] double total_work() const {
    double sum = 0.0;
    for (const Group& group : groups_) sum += group.work(options_.repetitions);
    return sum * static_cast<double>(options_.models.size() * options_.threads.size());
  }

  Status measure_model(const std::string& path, int threads) {
    // Where the mark cannot be lowered, only what comes before the first bandwidth test is known.
    rss_known_ = meter::reset_peak_rss(root_) || records_.empty();
    const std::int64_t begin = clock_.monotonic_ns();
    WATTLE_TRY(const auto model, engine::Model::load(path, {.threads = threads,
                                                            .decode_threads = threads,
                                                            .repack = repack_of(options_.repack)}));
    const double load_ms = static_cast<double>(clock_.monotonic_ns() - begin) / 1e6;
    BenchModel about = describe(*model, path, options_.kv);
    about.load_ms = load_ms;
    WATTLE_CHECK(check_groups(groups_, about));
    note_contexts(model->config());
    const auto shared = std::make_shared<const BenchModel>(std::move(about));
    for (const Group& group : groups_) WATTLE_CHECK(measure_group(model, shared, group));
    return {};
  }

  // Speed can be measured where answers would be no use.
  void note_contexts(const engine::ModelConfig& config) const {
    std::uint64_t longest = 0;
    for (const Group& group : groups_) longest = std::max(longest, group.context());
    if (longest <= config.context_length) return;
    fmt::print(stderr, "note: contexts of up to {} tokens, {} was made for {}: speed only\n",
               longest, config.name, config.context_length);
  }

  Status measure_group(const std::shared_ptr<const engine::Model>& model,
                       const std::shared_ptr<const BenchModel>& about, const Group& group) {
    WATTLE_TRY(const auto subject,
               make_subject(model, group.n_sequences, static_cast<std::uint32_t>(group.context()),
                            kv_type(options_.kv)));
    progress_.update(done_, test_name(group.tests.front()));
    WATTLE_CHECK(subject->fill(group.depth));
    advance(group.depth, group.tests.front());
    std::vector<BenchRecord> records;
    for (const BenchTest& test : group.tests) records.push_back(new_record(about, test));
    for (int round = 0; round <= options_.repetitions; ++round) {  // the first one warms up
      for (BenchRecord& record : records) {
        BenchWatch watch(clock_, energy_.monitor.get());
        WATTLE_CHECK(subject->run(record.test, watch));
        if (round > 0) record.repetitions.push_back(watch.measured());
        advance(Group::work_of(record.test), record.test);
      }
      note_peak_rss(records);
      if (round > 0) measure_limits(*model, records);
      if (interrupted()) return fail(ErrorCode::cancelled, "interrupted");
    }
    std::ranges::move(records, std::back_inserter(records_));
    return {};
  }

  BenchRecord new_record(const std::shared_ptr<const BenchModel>& about, const BenchTest& test) {
    BenchRecord record;
    record.model = about;
    record.test = test;
    record.time_utc = iso8601_utc(clock_.wall_ns());
    record.energy_source = energy_.source;
    record.energy_note = energy_.note;
    return record;
  }

  void note_peak_rss(std::vector<BenchRecord>& records) {
    if (!rss_known_) return;
    const auto peak = meter::peak_rss_bytes(root_);
    for (BenchRecord& record : records) {
      record.peak_rss_bytes = std::max(record.peak_rss_bytes, peak);
    }
  }

  void measure_limits(const engine::Model& model, std::vector<BenchRecord>& records) {
    const engine::MachineLimits limits =
        engine::measure_limits(model.threads(), model.weight_memory());
    for (BenchRecord& record : records) record.repetitions.back().limits = limits;
    rss_known_ = meter::reset_peak_rss(root_);
  }

  void advance(double work, const BenchTest& test) {
    done_ += work;
    progress_.update(done_, test_name(test));
  }

  const BenchOptions& options_;
  std::vector<Group> groups_;
  std::vector<BenchRecord>& records_;
  FsRoot root_;
  SystemClock clock_;
  meter::OpenEnergy energy_;
  Progress progress_;
  double done_ = 0.0;
  bool rss_known_ = true;
};

}  // namespace

std::string test_name(const BenchTest& test) {
  std::string name =
      fmt::format("{}{}", test.phase == BenchPhase::prefill ? "pp" : "tg", test.n_tokens);
  if (test.n_sequences > 1) name += fmt::format(" b{}", test.n_sequences);
  if (test.depth > 0) name += fmt::format(" @ d{}", test.depth);
  return name;
}

Status run_bench(const BenchOptions& options, std::vector<BenchRecord>& records) {
  WATTLE_CHECK(check_root(options.energy));
  for (const std::string& path : options.models) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) continue;
    return fail(ErrorCode::not_found, fmt::format("there is no model {}", path),
                "Give a GGUF file, or the folder of a Hugging Face model.");
  }
  auto groups = groups_of(options);
  if (groups.empty()) {
    return fail(ErrorCode::invalid_argument, "there is nothing to measure: -p and -n are 0",
                "Give a number of prompt tokens (-p 512) or of tokens to generate (-n 128).");
  }
  return Bench(options, std::move(groups), records).run();
}

}  // namespace wattle::cli
