// wattle bench: prefill and decode speed of a model against the read bandwidth measured between the
// runs. `pp` and `tg` are as in llama-bench: prompt tokens processed, tokens generated, per second.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/progress.hpp"
#include "base/text_table.hpp"
#include "cli/command.hpp"
#include "engine/generate.hpp"
#include "engine/peaks.hpp"

namespace wattle::cli {
namespace {

struct BenchOptions {
  std::string model;
  std::uint32_t n_prompt = 512;
  std::uint32_t n_generate = 64;
  int repetitions = 5;
  int threads = 0;
  bool json = false;
};

struct Series {
  std::vector<double> values;
  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const double v : values) sum += v;
    return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
  }
  [[nodiscard]] double standard_deviation() const {
    if (values.size() < 2) return 0.0;
    const double m = mean();
    double sum = 0;
    for (const double v : values) sum += (v - m) * (v - m);
    return std::sqrt(sum / static_cast<double>(values.size() - 1));
  }
  [[nodiscard]] double median() const {
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    if (sorted.empty()) return 0.0;
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
};

// Times the phases of one generation.
class PhaseTimer final : public engine::GenerateObserver {
 public:
  explicit PhaseTimer(const Clock& clock) : clock_(clock) {}
  void prefill_begin(std::size_t /*n*/) override { prefill_begin_ns_ = clock_.monotonic_ns(); }
  void prefill_end() override { prefill_end_ns_ = clock_.monotonic_ns(); }
  bool token(const engine::GeneratedToken& /*token*/, std::string_view /*text*/) override {
    return !interrupted();
  }
  void decode_end() override { decode_end_ns_ = clock_.monotonic_ns(); }
  [[nodiscard]] double prefill_s() const {
    return static_cast<double>(prefill_end_ns_ - prefill_begin_ns_) / 1e9;
  }
  [[nodiscard]] double decode_s() const {
    return static_cast<double>(decode_end_ns_ - prefill_end_ns_) / 1e9;
  }

 private:
  const Clock& clock_;
  std::int64_t prefill_begin_ns_ = 0;
  std::int64_t prefill_end_ns_ = 0;
  std::int64_t decode_end_ns_ = 0;
};

struct BenchResult {
  double load_ms = 0;
  Series prefill_tokens_per_s, decode_tokens_per_s, bandwidth_gb_s;
  std::uint64_t bytes_per_token = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::string precision, isa, name;
  int threads = 0;
  [[nodiscard]] double achieved_gb_s() const {
    return decode_tokens_per_s.median() * static_cast<double>(bytes_per_token) / 1e9;
  }
};

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

Result<BenchResult> bench(const BenchOptions& options) {
  const SystemClock clock;
  BenchResult result;
  const std::int64_t start = clock.monotonic_ns();
  WATTLE_TRY(const auto model, engine::Model::load(options.model, {.threads = options.threads}));
  engine::SessionOptions session_options;
  session_options.context = std::max(options.n_prompt, options.n_generate + 1) + 8;
  WATTLE_TRY(const auto session, engine::Session::create(model, session_options));
  result.load_ms = static_cast<double>(clock.monotonic_ns() - start) / 1e6;
  result.precision = model->precision();
  result.isa = model->isa();
  result.name = model->config().name;
  result.threads = model->threads();
  result.bytes_per_token = model->bytes_per_token();

  std::mt19937 random(1);
  std::uniform_int_distribution<engine::TokenId> any_token(
      0, static_cast<engine::TokenId>(model->config().n_vocab) - 1);
  std::vector<engine::TokenId> prompt(std::max(options.n_prompt, 1U));
  for (auto& token : prompt) token = any_token(random);

  const auto measure = [&](std::size_t n_prompt, std::uint32_t n_generate, bool prefill,
                           Series* series) -> Status {
    session->rewind(0);
    PhaseTimer timer(clock);
    engine::GenerateOptions generate_options;
    generate_options.max_tokens = n_generate;
    generate_options.ignore_eos = true;
    WATTLE_TRY(const auto generated, engine::generate(*session, std::span(prompt).first(n_prompt),
                                                      generate_options, &timer));
    if (generated.stop == engine::StopReason::cancelled) {
      return fail(ErrorCode::cancelled, "interrupted");
    }
    if (series == nullptr) return {};
    // The first token comes out of the prefill; the others cost a decode step each.
    series->values.push_back(prefill ? static_cast<double>(n_prompt) / timer.prefill_s()
                                     : (n_generate - 1.0) / timer.decode_s());
    return {};
  };

  Progress progress("bench", options.repetitions + 1, clock);
  for (int i = 0; i <= options.repetitions; ++i) {  // the first round warms up
    const bool counted = i > 0;
    if (options.n_prompt > 0) {
      WATTLE_CHECK(
          measure(options.n_prompt, 1, true, counted ? &result.prefill_tokens_per_s : nullptr));
    }
    if (options.n_generate > 0) {
      WATTLE_CHECK(measure(1, options.n_generate + 1, false,
                           counted ? &result.decode_tokens_per_s : nullptr));
    }
    // Before the bandwidth test, whose buffer is no part of the model's memory.
    if (!counted) result.peak_rss_bytes = peak_rss_bytes();
    if (counted) {
      result.bandwidth_gb_s.values.push_back(
          engine::measure_read_bandwidth(result.threads).best_gbs);
    }
    progress.update(i + 1);
  }
  progress.finish();
  return result;
}

Json to_json(const BenchOptions& options, const BenchResult& result) {
  const auto series = [](const Series& s) {
    return Json{{"median", s.median()},
                {"mean", s.mean()},
                {"sd", s.standard_deviation()},
                {"values", s.values}};
  };
  Json json;
  json["model"] = result.name;
  json["precision"] = result.precision;
  json["isa"] = result.isa;
  json["threads"] = result.threads;
  json["n_prompt"] = options.n_prompt;
  json["n_generate"] = options.n_generate;
  json["load_ms"] = result.load_ms;
  json["prefill_tokens_per_s"] = series(result.prefill_tokens_per_s);
  json["decode_tokens_per_s"] = series(result.decode_tokens_per_s);
  json["bytes_per_token"] = result.bytes_per_token;
  json["achieved_gb_per_s"] = result.achieved_gb_s();
  json["measured_read_gb_per_s"] = series(result.bandwidth_gb_s);
  json["mbu"] = result.achieved_gb_s() / result.bandwidth_gb_s.median();
  json["peak_rss_bytes"] = result.peak_rss_bytes;
  return json;
}

void print_table(const BenchOptions& options, const BenchResult& result) {
  using Align = TextTable::Align;
  TextTable table({{"model"},
                   {"precision"},
                   {"threads", Align::right},
                   {"load ms", Align::right},
                   {fmt::format("pp{} t/s", options.n_prompt), Align::right},
                   {fmt::format("tg{} t/s", options.n_generate), Align::right},
                   {"GB/s", Align::right},
                   {"read GB/s", Align::right},
                   {"MBU", Align::right},
                   {"peak MB", Align::right}});
  const auto plus_minus = [](const Series& s) {
    return s.values.empty() ? std::string("-")
                            : fmt::format("{:.1f} ± {:.1f}", s.mean(), s.standard_deviation());
  };
  table.add_row(
      {result.name, result.precision, std::to_string(result.threads),
       fmt::format("{:.0f}", result.load_ms), plus_minus(result.prefill_tokens_per_s),
       plus_minus(result.decode_tokens_per_s), fmt::format("{:.1f}", result.achieved_gb_s()),
       fmt::format("{:.1f}", result.bandwidth_gb_s.median()),
       fmt::format("{:.0f} %", 100 * result.achieved_gb_s() / result.bandwidth_gb_s.median()),
       fmt::format("{:.0f}", static_cast<double>(result.peak_rss_bytes) / 1e6)});
  fmt::print(
      "{}isa {}; GB/s: weights read per decoded token × median tg; read GB/s: measured "
      "between the runs on the same threads\n",
      table.render(), result.isa);
}

}  // namespace

void add_bench(CLI::App& app, Invocation& invocation) {
  auto* command =
      app.add_subcommand("bench", "Measure prefill and decode speed against the memory bandwidth");
  auto options = std::make_shared<BenchOptions>();
  command
      ->add_option("-m,--model", options->model, "GGUF file, or the folder of a Hugging Face model")
      ->required();
  command->add_option("-p,--n-prompt", options->n_prompt, "Prompt tokens (0: no prefill test)")
      ->capture_default_str();
  command->add_option("-n,--n-gen", options->n_generate, "Tokens to generate (0: no decode test)")
      ->capture_default_str();
  command
      ->add_option("-r,--repetitions", options->repetitions,
                   "Counted repetitions, after one warm-up")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("-t,--threads", options->threads, "Threads (0: cores this process may use)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Example: wattle bench -m tinyllama-q4_0.gguf -p 512 -n 64 -r 5 -t 2");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto result = bench(*options);
      if (!result) return report(result.error());
      if (options->json) {
        fmt::print("{}\n", dump_json(to_json(*options, *result), 2));
      } else {
        print_table(*options, *result);
      }
      return static_cast<int>(kOk);
    };
  });
}

}  // namespace wattle::cli
