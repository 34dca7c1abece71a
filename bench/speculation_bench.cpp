// Decoding with and without speculation, and with early exits: the time of the decode phase alone
// over a suite of prompts, and what the guesses were worth. The output of a way is compared with
// the plain run's wherever it must be the same.
//   speculation_bench --benchmark_repetitions=3 --benchmark_enable_random_interleaving=true
// WATTLE_BENCH_MODEL chooses a model (default: the one of the repository), WATTLE_BENCH_SUITE a
// suite, WATTLE_BENCH_PROMPTS and WATTLE_BENCH_TOKENS how many prompts and tokens at most,
// WATTLE_BENCH_TEMPERATURE the temperature.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "engine/exit_policy.hpp"
#include "engine/generate.hpp"
#include "engine/speculative.hpp"

namespace wattle::engine {
namespace {

std::string setting(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

struct Suite {
  std::shared_ptr<const Model> model;
  std::unique_ptr<Session> session;
  std::vector<std::vector<TokenId>> prompts;
  std::map<std::size_t, std::vector<TokenId>> plain;  // output by prompt
  std::uint32_t max_tokens = 0;
  float temperature = 0.0F;
};

Result<Suite> open_suite() {
  Suite suite;
  const std::string source = WATTLE_SOURCE_DIR;
  WATTLE_TRY(suite.model,
             Model::load(setting("WATTLE_BENCH_MODEL", source + "/models/telemetry-16l.gguf")));
  SessionOptions how;
  how.context = std::min(suite.model->config().context_length, 2048U);
  WATTLE_TRY(suite.session, Session::create(suite.model, how));
  suite.max_tokens = static_cast<std::uint32_t>(std::stoul(setting("WATTLE_BENCH_TOKENS", "64")));
  suite.temperature = std::stof(setting("WATTLE_BENCH_TEMPERATURE", "0"));
  const std::size_t n = std::stoul(setting("WATTLE_BENCH_PROMPTS", "20"));
  std::ifstream lines(setting("WATTLE_BENCH_SUITE", source + "/prompts/telemetry.jsonl"));
  for (std::string line; suite.prompts.size() < n && std::getline(lines, line);) {
    WATTLE_TRY(const Json json, parse_json(line, "suite"));
    suite.prompts.push_back(suite.model->tokenizer().encode(
        json.at("text").get<std::string>(), {.add_special = true, .parse_special = true}));
  }
  return suite;
}

Suite* suite() {
  static Result<Suite> opened = open_suite();
  return opened ? &*opened : nullptr;
}

class DecodeTimer final : public GenerateObserver {
 public:
  void prefill_end() override { begin_ = clock_.monotonic_ns(); }
  void decode_end() override { total_ns += clock_.monotonic_ns() - begin_; }
  std::int64_t total_ns = 0;

 private:
  SystemClock clock_;
  std::int64_t begin_ = 0;
};

void decode_suite(benchmark::State& state, GenerateOptions options) {
  Suite* const s = suite();
  if (s == nullptr || s->prompts.empty()) return state.SkipWithError("no model or no prompts");
  options.max_tokens = s->max_tokens;
  options.sampling.temperature = s->temperature;
  options.ignore_eos = s->max_tokens != 64;  // a given number is a given amount of work
  const bool exact = options.exit.layer == 0 && exit_rule_name(options.exit).empty();
  SpeculationStats sum;
  std::size_t n_tokens = 0;
  double layers = 0;
  for (auto _ : state) {
    DecodeTimer timer;
    for (std::size_t i = 0; i < s->prompts.size(); ++i) {
      s->session->rewind(0);
      const auto result = generate(*s->session, s->prompts[i], options, &timer);
      if (!result) return state.SkipWithError(result.error().message().c_str());
      std::vector<TokenId> ids;
      for (const auto& token : result->tokens) {
        ids.push_back(token.id);
        layers += token.layers;
      }
      if (exact && s->plain.try_emplace(i, ids).first->second != ids) {
        return state.SkipWithError("the output is not that of the plain run");
      }
      n_tokens += ids.size();
      if (!result->speculation) continue;
      sum.n_drafted += result->speculation->n_drafted;
      sum.n_accepted += result->speculation->n_accepted;
      sum.n_passes += result->speculation->n_passes;
      sum.n_rows += result->speculation->n_rows;
    }
    state.SetIterationTime(static_cast<double>(timer.total_ns) * 1e-9);
  }
  state.counters["tok/s"] =
      benchmark::Counter(static_cast<double>(n_tokens - s->prompts.size() * state.iterations()),
                         benchmark::Counter::kIsRate);
  state.counters["layers"] = layers / static_cast<double>(n_tokens);
  if (sum.n_passes == 0) return;
  state.counters["accepted"] = sum.acceptance();
  state.counters["rows/pass"] = static_cast<double>(sum.n_rows) / static_cast<double>(sum.n_passes);
  state.counters["passes/s"] =
      benchmark::Counter(static_cast<double>(sum.n_passes), benchmark::Counter::kIsRate);
}

void add(const std::string& name, const GenerateOptions& options) {
  benchmark::RegisterBenchmark(name.c_str(), decode_suite, options)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

const int registered = [] {
  using Kind = SpeculationOptions::Kind;
  add("plain", {});
  Suite* const s = suite();
  if (s == nullptr) return 0;
  const std::uint32_t n_layers = s->model->config().n_layers;
  for (const std::uint32_t layers : {n_layers / 4, n_layers / 2, n_layers * 3 / 4}) {
    for (const std::uint32_t n : {2U, 3U, 4U, 7U}) {
      for (const float confidence : {0.0F, 0.5F, 0.8F}) {
        const SpeculationOptions how{Kind::self, layers, n, confidence};
        add(fmt::format("{}@{}", speculation_name(how), confidence), {.speculation = how});
      }
    }
  }
  for (const std::uint32_t n : {3U, 7U, 8U, 11U}) {
    const SpeculationOptions how{Kind::lookup, 0, n};
    add(speculation_name(how), {.speculation = how});
  }
  const std::uint32_t first = n_layers / 2;
  const std::uint32_t early = n_layers / 4;
  const std::vector<ExitOptions> exits = {
      {.min_layer = early, .margin = 0.5F},
      {.min_layer = early, .margin = 0.95F},
      {.layer = first},
      {.entropy_nats = 0.3F, .min_layer = first},
      {.min_layer = first, .margin = 0.8F},
      {.min_layer = first, .confidence = ConfidenceExit{0.9F, 0.9F, 1}},
      {.min_layer = first, .confidence = ConfidenceExit{0.95F, 0.7F, 2}}};
  for (ExitOptions exit : exits) {
    const std::string rule = exit_rule_name(exit);
    const std::string name = rule.empty() ? fmt::format("exit layer:{}", exit.layer)
                                          : fmt::format("exit {} from {}", rule, exit.min_layer);
    add(name, {.exit = exit});
    if (rule.empty()) continue;
    exit.kv = ExitKv::recompute;
    add(name + " recompute", {.exit = exit});
  }
  return 0;
}();

}  // namespace
}  // namespace wattle::engine
