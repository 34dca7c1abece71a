// wattle train: a model from generated telemetry; or the prompt suites that go with it.
#include "learn/train.hpp"

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/command.hpp"
#include "engine/model.hpp"
#include "learn/evaluate.hpp"
#include "learn/telemetry/rules.hpp"
#include "learn/telemetry/suite.hpp"

namespace wattle::cli {
namespace {

struct Options {
  learn::TrainOptions train;
  std::string data = "telemetry";
  std::string make_prompts;
  std::string evaluate;
  std::string prompts = "prompts/telemetry-heldout.jsonl";
  int limit = 0;
  bool print_rules = false;
  bool held_out = false;
  int count = 120;
  bool json = false;
  bool quiet = false;
};

int make_prompts(const Options& options) {
  const auto split = options.held_out ? learn::Split::held_out : learn::Split::training;
  if (const Status written =
          learn::write_suite(options.make_prompts, split, options.train.seed, options.count);
      !written) {
    return report(written.error());
  }
  if (options.json) {
    fmt::print("{}\n", dump_json({{"file", options.make_prompts}, {"prompts", options.count}}));
  } else {
    fmt::print("{} prompts in {}\n", options.count, options.make_prompts);
  }
  return kOk;
}

void print_json(const Options& options, const learn::TrainReport& made) {
  Json exits = Json::array();
  for (const auto& exit : made.exits) {
    exits.push_back({{"layer", exit.layer},
                     {"status", exit.status},
                     {"whole_answer", exit.whole_answer},
                     {"entropy_nats", exit.entropy_nats}});
  }
  fmt::print("{}\n", dump_json({{"out", options.train.out.string()},
                                {"steps", made.steps},
                                {"parameters", made.n_parameters},
                                {"first_loss", made.first_loss ? Json(*made.first_loss) : Json()},
                                {"last_loss", made.last_loss ? Json(*made.last_loss) : Json()},
                                {"seconds", made.seconds},
                                {"exits", std::move(exits)}},
                               2));
}

void print_table(const Options& options, const learn::TrainReport& made) {
  const std::string loss =
      made.first_loss && made.last_loss
          ? fmt::format("loss {:.4f} → {:.4f}", *made.first_loss, *made.last_loss)
          : std::string("no step was left to do");
  fmt::print("{} parameters, {} steps, {}, {}\n", made.n_parameters, made.steps, loss,
             format_duration(made.seconds));
  if (!made.exits.empty()) {
    using Align = TextTable::Align;
    TextTable table({{"exit layer", Align::right},
                     {"status", Align::right},
                     {"whole answer", Align::right},
                     {"entropy, nats", Align::right}});
    for (const auto& exit : made.exits) {
      table.add_row({fmt::format("{}", exit.layer), fmt::format("{:.1f} %", exit.status * 100.0),
                     fmt::format("{:.1f} %", exit.whole_answer * 100.0),
                     fmt::format("{:.3f}", exit.entropy_nats)});
    }
    fmt::print("held-out cases, teacher forced:\n{}", table.render());
  }
  if (!options.train.out.empty()) fmt::print("wrote {}\n", options.train.out.string());
}

Result<std::vector<learn::LayerScore>> evaluate(const Options& options) {
  WATTLE_TRY(const std::string text, read_file(options.prompts));
  WATTLE_TRY(auto cases, learn::parse_cases(text, options.prompts));
  if (options.limit > 0 && cases.size() > static_cast<std::size_t>(options.limit)) {
    cases.resize(static_cast<std::size_t>(options.limit));
  }
  WATTLE_TRY(const auto model, engine::Model::load(options.evaluate));
  std::vector<std::uint32_t> layers;
  for (std::uint32_t layer = 1; layer <= model->config().n_layers; ++layer) layers.push_back(layer);
  const SystemClock clock;
  const auto style = options.quiet ? Progress::Style::silent : Progress::Style::automatic;
  Progress progress("evaluating", static_cast<double>(layers.size() * cases.size()), clock, style);
  return learn::evaluate(model, cases, layers, [&](std::size_t done, std::size_t) {
    progress.update(static_cast<double>(done));
    return !interrupted();
  });
}

int print_evaluation(const Options& options) {
  const auto scores = evaluate(options);
  if (!scores) return report(scores.error());
  if (options.json) {
    Json rows = Json::array();
    for (const auto& score : *scores) {
      rows.push_back({{"layer", score.layer},
                      {"status", score.status},
                      {"sensor_cause", score.sensor_cause},
                      {"entropy_nats", score.entropy_nats},
                      {"answer_tokens", score.answer_tokens}});
    }
    fmt::print("{}\n", dump_json({{"model", options.evaluate},
                                  {"prompts", options.prompts},
                                  {"layers", std::move(rows)}},
                                 2));
    return kOk;
  }
  using Align = TextTable::Align;
  TextTable table({{"exit layer", Align::right},
                   {"status", Align::right},
                   {"sensor + cause", Align::right},
                   {"entropy, nats", Align::right},
                   {"tokens", Align::right}});
  for (const auto& score : *scores) {
    table.add_row({fmt::format("{}", score.layer), fmt::format("{:.1f} %", score.status * 100.0),
                   fmt::format("{:.1f} %", score.sensor_cause * 100.0),
                   fmt::format("{:.3f}", score.entropy_nats),
                   fmt::format("{:.1f}", score.answer_tokens)});
  }
  fmt::print("{}", table.render());
  return kOk;
}

int run(Options& options) {
  if (options.print_rules) {
    fmt::print("{}", learn::rules_markdown());
    return kOk;
  }
  if (!options.make_prompts.empty()) return make_prompts(options);
  if (!options.evaluate.empty()) return print_evaluation(options);
  options.train.cancelled = interrupted;
  if (options.quiet) options.train.progress = Progress::Style::silent;
  const SystemClock clock;
  const auto made = learn::train(options.train, clock);
  if (!made) return report(made.error());
  options.json ? print_json(options, *made) : print_table(options, *made);
  return kOk;
}

void add_shape_options(CLI::App& command, learn::ModelShape& shape) {
  command.add_option("--layers", shape.n_layers, "Layers")->capture_default_str();
  command.add_option("--d-model", shape.d_model, "Width")->capture_default_str();
  command.add_option("--d-ff", shape.d_ff, "Feed-forward width")->capture_default_str();
  command.add_option("--heads", shape.n_heads, "Query heads")->capture_default_str();
  command.add_option("--kv-heads", shape.n_kv_heads, "Key and value heads")->capture_default_str();
  command.add_option("--head-dim", shape.head_dim, "Width of a head")->capture_default_str();
}

void add_run_options(CLI::App& command, learn::TrainOptions& train) {
  command.add_option("-o,--out", train.out, "GGUF file to write (F16)");
  command.add_option("--checkpoint", train.checkpoint, "Folder for checkpoints");
  command.add_flag("--resume", train.resume, "Go on from the checkpoint, if there is one");
  command.add_option("--checkpoint-every", train.checkpoint_every_s, "Seconds between checkpoints")
      ->capture_default_str();
  command
      .add_option("--evaluate-every", train.evaluate_every,
                  "Steps between looks at held-out cases; 0: never")
      ->capture_default_str();
  command.add_option("--seed", train.seed, "Everything random follows from it")
      ->capture_default_str();
  command.add_option("--threads", train.threads, "Threads (the result depends on it)")
      ->capture_default_str();
  command.add_option("--name", train.name, "general.name of the model")->capture_default_str();
}

void add_recipe_options(CLI::App& command, learn::TrainOptions& train) {
  command.add_option("--steps", train.steps, "Updates")->capture_default_str();
  command.add_option("--batch-size", train.batch_size, "Cases in one update")
      ->capture_default_str();
  command
      .add_option("--vocabulary-pieces", train.vocabulary_pieces,
                  "SentencePiece pieces besides bytes and numbers")
      ->capture_default_str();
  command.add_option("--muon-rate", train.muon_rate, "Learning rate of matrices")
      ->capture_default_str();
  command.add_option("--adam-rate", train.adam_rate, "Learning rate of embedding and norms")
      ->capture_default_str();
  command.add_option("--warmup-steps", train.warmup_steps, "Steps until the full rate")
      ->capture_default_str();
  command.add_option("--decay-share", train.decay_share, "Last part in which rates fall to 0")
      ->capture_default_str();
  command
      .add_option("--curriculum-steps", train.curriculum_steps, "Cases are easier until this step")
      ->capture_default_str();
  command
      .add_option("--findings-layer", train.findings_layer,
                  "States after this layer learn what the sensor just read says")
      ->capture_default_str();
  command.add_option("--findings-weight", train.findings_weight, "Weight of that loss; 0: off")
      ->capture_default_str();
  command
      .add_option("--summary-layer", train.summary_layer,
                  "States after this layer learn what all sensors say where the prompt ends")
      ->capture_default_str();
  command.add_option("--summary-weight", train.summary_weight, "Weight of that loss; 0: off")
      ->capture_default_str();
  command
      .add_option("--exit-rotation", train.exit_rotation,
                  "Each step trains every n-th exit; 0: only the last layer")
      ->capture_default_str();
  command.add_option("--exit-scale", train.exit_scale, "Weight of early exits")
      ->capture_default_str();
  command.add_option("--layer-dropout", train.layer_dropout, "Of the last layer")
      ->capture_default_str();
}
}  // namespace

void add_train(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "train", "Train a model on generated telemetry, for early exit, and write it as GGUF");
  command->add_option("--data", options->data, "What to train on")
      ->check(CLI::IsMember({"telemetry"}))
      ->capture_default_str();
  add_run_options(*command, options->train);
  add_recipe_options(*command, options->train);
  add_shape_options(*command, options->train.shape);
  command->add_option("--make-prompts", options->make_prompts,
                      "Train nothing: write prompts with expected answers to this JSONL file");
  command->add_flag("--held-out", options->held_out,
                    "With --make-prompts: values and wordings that training never shows");
  command->add_option("--count", options->count, "With --make-prompts: how many")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--evaluate", options->evaluate,
                      "Train nothing: answer a suite with this model, leaving after each layer");
  command->add_option("--prompts", options->prompts, "With --evaluate: the suite (JSONL)")
      ->capture_default_str();
  command->add_option("--limit", options->limit, "With --evaluate: first n cases only; 0: all")
      ->capture_default_str();
  command->add_flag("--print-rules", options->print_rules,
                    "Train nothing: print docs/telemetry-rules.md");
  command->add_flag("--json", options->json, "Print the report as JSON");
  command->add_flag("-q,--quiet", options->quiet, "No progress");
  command->footer(
      "Examples:\n"
      "  wattle train --out my.gguf --checkpoint build/my --resume --steps 4000\n"
      "  wattle train --make-prompts prompts/mine.jsonl --held-out --count 200 --seed 5\n"
      "  wattle train --evaluate models/telemetry-16l.gguf --limit 100\n"
      "The shipped model: script/train-default-model");
  command->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
