// wattle batch: many prompts at once, each answer as it is finished, then what all together cost.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/progress.hpp"
#include "cli/batch_energy_report.hpp"
#include "cli/command.hpp"
#include "cli/energy_options.hpp"
#include "cli/generation_options.hpp"
#include "cli/standard_input.hpp"
#include "engine/scheduler.hpp"

namespace wattle::cli {
namespace {

struct BatchOptions : GenerationOptions {
  std::string prompts;
  std::uint32_t kv_memory_mb = 0;
  bool no_special = false;
  bool no_reuse = false;
  engine::SchedulerOptions scheduler;
  bool no_energy = false;
  double idle_seconds = 0.0;
  EnergyOptions energy;
};

struct BatchPrompt {
  Json id;  // as in the file, or the line's number
  std::string text;
  std::uint32_t max_tokens = 0;
};

Result<BatchPrompt> parse_prompt(std::string_view line, const std::string& where,
                                 std::size_t number, std::uint32_t max_tokens) {
  WATTLE_TRY(const Json json, parse_json(line, where));
  const auto bad = [&where](const char* what) {
    return fail(ErrorCode::invalid_format, fmt::format("{}: {}", where, what),
                R"(Write one object a line: {"prompt": "…", "id": "…", "max_tokens": 64}.)");
  };
  if (!json.is_object()) return bad("is not an object");
  const auto text = json.contains("prompt") ? json.find("prompt") : json.find("text");
  if (text == json.end() || !text->is_string()) return bad("has no \"prompt\" that is a text");
  BatchPrompt prompt{.id = number, .text = text->get<std::string>(), .max_tokens = max_tokens};
  if (const auto id = json.find("id"); id != json.end()) {
    if (!id->is_string() && !id->is_number_integer()) return bad("\"id\" is no text or number");
    prompt.id = *id;
  }
  if (const auto most = json.find("max_tokens"); most != json.end()) {
    if (!most->is_number_unsigned() || most->get<std::uint64_t>() > UINT32_MAX) {
      return bad("\"max_tokens\" is no number of tokens");
    }
    prompt.max_tokens = most->get<std::uint32_t>();
  }
  return prompt;
}

Result<std::vector<BatchPrompt>> read_prompts(const BatchOptions& options) {
  std::string text;
  if (options.prompts == "-") {
    WATTLE_TRY(text, read_standard_input());
  } else {
    WATTLE_TRY(text, read_file(options.prompts));
  }
  std::vector<BatchPrompt> prompts;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string name = options.prompts == "-" ? "standard input" : options.prompts;
    WATTLE_TRY(BatchPrompt prompt, parse_prompt(line, fmt::format("{}: line {}", name, number),
                                                number, options.generate.max_tokens));
    prompts.push_back(std::move(prompt));
  }
  if (prompts.empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} holds no prompts", options.prompts),
                R"(Write one object a line: {"prompt": "…"}.)");
  }
  return prompts;
}

// Notes that its sequence has ended, for the results to be taken after the step.
class EndObserver final : public engine::GenerateObserver {
 public:
  EndObserver(std::size_t index, std::vector<std::size_t>& ended) : index_(index), ended_(ended) {}
  void decode_end() override { ended_.push_back(index_); }

 private:
  std::size_t index_;
  std::vector<std::size_t>& ended_;
};

class Batch {
 public:
  Batch(const BatchOptions& options, std::vector<BatchPrompt> prompts, engine::Scheduler& scheduler)
      : options_(options),
        prompts_(std::move(prompts)),
        scheduler_(scheduler),
        progress_("batch", static_cast<double>(prompts_.size()), clock_) {}

  Status open_energy() {
    meter::MeterOptions options;
    apply(options_.energy, options);
    options.energy = !options_.no_energy;
    WATTLE_TRY(energy_, meter::open_energy(options, clock_));
    cost_.source = energy_.source;
    cost_.note = energy_.note;
    if (energy_.monitor != nullptr && options_.idle_seconds > 0) {
      WATTLE_TRY(cost_.idle,
                 sense::measure_idle_power(*energy_.monitor, clock_, options_.idle_seconds));
    }
    return {};
  }

  void run(const engine::Tokenizer& tokenizer, const engine::GenerateOptions& generate) {
    begin_ns_ = clock_.monotonic_ns();
    std::optional<meter::BatchEnergy> ledger;
    if (energy_.monitor != nullptr) ledger.emplace(*energy_.monitor);
    submit_all(tokenizer, generate);
    bool more = true;
    while (more) {
      scheduler_.drain();
      const std::int64_t step_ns = clock_.monotonic_ns();
      more = scheduler_.step();
      if (ledger) ledger->add_step(step_ns, clock_.monotonic_ns(), shares());
      take_ended();
      progress_.update(static_cast<double>(n_done_), rate());
    }
    if (ledger) cost_.account = ledger->close();
    progress_.finish();
    print_totals();
  }
  [[nodiscard]] bool failed() const { return n_failed_ > 0; }

 private:
  void submit_all(const engine::Tokenizer& tokenizer, engine::GenerateOptions generate) {
    ids_.resize(prompts_.size());
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      observers_.push_back(std::make_unique<EndObserver>(i, ended_));
      generate.max_tokens = prompts_[i].max_tokens;
      auto tokens = tokenizer.encode(prompts_[i].text,
                                     {.add_special = !options_.no_special, .parse_special = true});
      const auto id = scheduler_.submit(std::move(tokens), generate, observers_.back().get());
      if (id) {
        ids_[i] = *id;
      } else {
        print_error(i, id.error());
      }
    }
  }

  [[nodiscard]] std::vector<meter::BatchShare> shares() const {
    std::vector<meter::BatchShare> shares;
    for (const engine::StepShare& share : scheduler_.last_step()) {
      shares.push_back({share.id, share.n_prompt, share.n_decode});
    }
    return shares;
  }

  void take_ended() {
    for (const std::size_t i : ended_) {
      const auto result = scheduler_.result(ids_[i]);
      if (!result) continue;
      if (*result) {
        print(i, **result);
      } else {
        print_error(i, result->error());
      }
    }
    ended_.clear();
  }

  void print(std::size_t i, const engine::GenerateResult& result) {
    n_prompt_ += result.n_prompt_tokens;
    if (result.stop == engine::StopReason::cancelled) return;
    ++n_done_;
    double layers = 0;
    for (const auto& token : result.tokens) layers += token.layers;
    if (options_.json) {
      Json json = {{"id", prompts_[i].id},
                   {"output_text", result.text},
                   {"stop_reason", engine::stop_reason_name(result.stop)},
                   {"n_prompt_tokens", result.n_prompt_tokens},
                   {"n_reused_tokens", result.n_reused_tokens},
                   {"n_output_tokens", result.tokens.size()}};
      json["mean_layers"] =
          result.tokens.empty() ? Json() : Json(layers / static_cast<double>(result.tokens.size()));
      write(dump_json(json) + "\n");
    } else {
      write(fmt::format("--- {} ({} + {} tokens, {})\n{}\n", id_text(i), result.n_prompt_tokens,
                        result.tokens.size(), engine::stop_reason_name(result.stop), result.text));
    }
  }

  void print_error(std::size_t i, const Error& error) {
    ++n_failed_;
    ++n_done_;
    if (options_.json) {
      write(dump_json(Json{{"id", prompts_[i].id}, {"error", error.message()}}) + "\n");
    } else {
      write(fmt::format("--- {} (error)\n{}\n", id_text(i), error.message()));
    }
  }

  // The bar is drawn over at its next update.
  static void write(const std::string& text) {
    if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K");
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  [[nodiscard]] std::string id_text(std::size_t i) const {
    const Json& id = prompts_[i].id;
    return id.is_string() ? id.get<std::string>() : id.dump();
  }
  [[nodiscard]] double seconds() const {
    return static_cast<double>(clock_.monotonic_ns() - begin_ns_) / 1e9;
  }
  [[nodiscard]] std::string rate() const {
    return fmt::format("{:.1f} tok/s",
                       static_cast<double>(scheduler_.stats().n_generated) / seconds());
  }

  void print_totals() const {
    const auto stats = scheduler_.stats();
    const double wall_s = seconds();
    const auto generated = static_cast<double>(stats.n_generated);
    const std::uint64_t peak = stats.peak_pages * stats.page_bytes;
    const std::size_t cancelled = prompts_.size() - n_done_;
    if (options_.json) {
      Json totals = {{"n_prompts", prompts_.size()},
                     {"n_failed", n_failed_},
                     {"n_cancelled", cancelled},
                     {"n_prompt_tokens", n_prompt_},
                     {"n_reused_tokens", stats.n_reused},
                     {"n_output_tokens", stats.n_generated},
                     {"n_steps", stats.n_steps},
                     {"wall_s", wall_s},
                     {"output_tokens_per_s", generated / wall_s},
                     {"prefilled_tokens_per_s", static_cast<double>(stats.n_prefilled) / wall_s},
                     {"kv_peak_bytes", peak}};
      add_energy(totals, cost_, stats.n_generated);
      const auto id_of = [this](engine::SequenceId id) {
        const auto found = std::ranges::find(ids_, id);
        return found == ids_.end() ? Json()
                                   : prompts_[static_cast<std::size_t>(found - ids_.begin())].id;
      };
      write(dump_json(
                Json{{"requests", request_energies(cost_.account, id_of)}, {"totals", totals}}) +
            "\n");
      return;
    }
    fmt::print(stderr,
               "{} prompts ({} failed, {} cancelled), {} + {} tokens in {:.1f} s: {:.1f} tok/s "
               "generated; {} prompt tokens reused, KV cache peak {:.1f} MB\n{}\n",
               prompts_.size(), n_failed_, cancelled, n_prompt_, stats.n_generated, wall_s,
               generated / wall_s, stats.n_reused, static_cast<double>(peak) / 1e6,
               cost_text(cost_, stats.n_generated));
  }

  const BatchOptions& options_;
  std::vector<BatchPrompt> prompts_;
  engine::Scheduler& scheduler_;
  SystemClock clock_;
  Progress progress_;
  meter::OpenEnergy energy_;
  BatchCost cost_;
  std::int64_t begin_ns_ = 0;
  std::vector<engine::SequenceId> ids_;
  std::vector<std::size_t> ended_;
  std::vector<std::unique_ptr<EndObserver>> observers_;
  std::size_t n_done_ = 0;
  std::size_t n_failed_ = 0;
  std::size_t n_prompt_ = 0;
};

Result<int> batch(const BatchOptions& options) {
  WATTLE_CHECK(check_root(options.energy));
  WATTLE_TRY(auto prompts, read_prompts(options));
  WATTLE_TRY(const engine::GenerateOptions generate, generate_options(options));
  WATTLE_TRY(const auto model,
             engine::Model::load(options.model, {.exact = options.exact,
                                                 .threads = options.threads,
                                                 .decode_threads = options.decode_threads,
                                                 .repack = repack_of(options.repack)}));
  engine::SchedulerOptions scheduler_options = options.scheduler;
  scheduler_options.context = options.context;
  scheduler_options.kv_type = kv_type(options.kv);
  scheduler_options.kv_memory = std::uint64_t{options.kv_memory_mb} * 1000000;
  scheduler_options.reuse_prefixes = !options.no_reuse;
  WATTLE_TRY(const auto scheduler, engine::Scheduler::create(model, scheduler_options));
  Batch work(options, std::move(prompts), *scheduler);
  WATTLE_CHECK(work.open_energy());
  work.run(model->tokenizer(), generate);
  if (interrupted()) return kInterrupted;
  return work.failed() ? kFailed : kOk;
}

}  // namespace

void add_batch(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand("batch", "Answer many prompts at once");
  auto options = std::make_shared<BatchOptions>();
  add_generation_options(*command, *options);
  command
      ->add_option("--prompts", options->prompts,
                   "JSONL with \"prompt\", optional \"id\" and \"max_tokens\"; '-': standard input")
      ->required();
  command
      ->add_option("-b,--batch", options->scheduler.max_sequences,
                   "Sequences that run at the same time (1 to 64)")
      ->capture_default_str();
  command
      ->add_option("--budget", options->scheduler.token_budget,
                   "Tokens per step: first one of every sequence that decodes, then prompts")
      ->capture_default_str();
  command->add_flag("--static", options->scheduler.static_batch,
                    "Run the prompts in groups of -b; nobody joins before all of one have ended");
  command->add_option("--kv-memory", options->kv_memory_mb,
                      "Megabytes of KV cache (0: -b whole contexts, at most a quarter of memory)");
  command->add_flag("--no-reuse", options->no_reuse,
                    "Compute every prompt whole, even where it begins like another");
  command->add_flag("--no-special", options->no_special,
                    "Do not put the model's begin-of-text token before the prompts");
  command->add_flag(
      "--json", options->json,
      "Print a JSON object a line, the last with each request's energy and the totals");
  command->add_flag("--no-energy", options->no_energy, "Measure times only");
  command
      ->add_option("--idle", options->idle_seconds,
                   "Measure idle power for so many seconds first, to give net energy too")
      ->check(CLI::Range(0.0, 3600.0));
  add_energy_options(*command, options->energy);
  command->footer(
      "Answers are printed as they are finished; each is, bit for bit, the one of `wattle run`.\n"
      "Example: wattle batch -m models/telemetry-16l.gguf --prompts prompts/telemetry.jsonl -b 8");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto code = batch(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
