#include "cli/generation_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "engine/grammar.hpp"

namespace wattle::cli {
namespace {

void add_grammar_options(CLI::App& command, GenerationOptions& options) {
  auto* grammar = command.add_option("--grammar", options.grammar,
                                     "Keep the answer to the grammar in this file (GBNF)");
  auto* schema = command.add_option("--json-schema", options.json_schema,
                                    "Keep the answer to this JSON schema: a file, or {...} itself");
  auto* json = command.add_flag("--json-mode", options.json_mode,
                                "Keep the answer to one JSON object, whatever is in it");
  grammar->excludes(schema)->excludes(json);
  schema->excludes(json);
}

Result<std::shared_ptr<const engine::Grammar>> read_grammar(const GenerationOptions& options) {
  if (options.json_mode) return engine::Grammar::json();
  if (!options.grammar.empty()) {
    WATTLE_TRY(const std::string text, read_file(options.grammar));
    return engine::Grammar::parse_gbnf(text, options.grammar);
  }
  if (options.json_schema.empty()) return nullptr;
  const std::size_t begin = options.json_schema.find_first_not_of(" \t\r\n");
  const bool is_text = begin != std::string::npos && options.json_schema[begin] == '{';
  std::string text = options.json_schema;
  if (!is_text) {
    WATTLE_TRY(text, read_file(options.json_schema));
  }
  WATTLE_TRY(const Json schema, parse_json(text, is_text ? "--json-schema" : options.json_schema));
  return engine::Grammar::from_json_schema(schema);
}

}  // namespace

void add_generation_options(CLI::App& command, GenerationOptions& options) {
  auto& generate = options.generate;
  command.add_option("-m,--model", options.model, "GGUF file")->required();
  command.add_option("-n,--max-tokens", generate.max_tokens, "Tokens to generate at most")
      ->capture_default_str();
  command
      .add_option("--temp", generate.sampling.temperature,
                  "Temperature; 0 takes the most probable token")
      ->capture_default_str();
  command.add_option("--top-k", generate.sampling.top_k,
                     "Choose among the k most probable (0: off)");
  command.add_option("--top-p", generate.sampling.top_p,
                     "Choose among the most probable that reach this probability (1: off)");
  command.add_option("--min-p", generate.sampling.min_p,
                     "Drop tokens less probable than this part of the best (0: off)");
  command.add_option("--seed", generate.sampling.seed, "Seed of the random choice")
      ->capture_default_str();
  command.add_option("--stop", generate.stop, "End before this text (may be repeated)")
      ->take_all()
      ->expected(1);
  command.add_option("--exit-layer", generate.exit.layer,
                     "Leave after this layer, counted from 1 (0: all layers)");
  command.add_option("--exit-entropy", options.exit_entropy,
                     "Leave after the first layer whose next-token entropy is below this (nats)");
  command
      .add_option("--min-exit-layer", generate.exit.min_layer,
                  "First layer that --exit-entropy looks at")
      ->capture_default_str();
  command.add_flag("--ignore-eos", generate.ignore_eos, "Go on after an end-of-text token");
  add_grammar_options(command, options);
  command.add_option("-c,--ctx", options.context,
                     "Context in tokens (0: what the model was made for)");
  command.add_option("--kv", options.kv, "KV cache type")
      ->check(CLI::IsMember({"f16", "f32", "i8"}))
      ->capture_default_str();
  command.add_option("-t,--threads", options.threads, "Threads (0: cores this process may use)");
  command.add_flag("--exact", options.exact,
                   "Weights dequantised, activations and KV cache F32: for checking, slow");
}

Result<engine::GenerateOptions> generate_options(const GenerationOptions& options) {
  engine::GenerateOptions generate = options.generate;
  generate.exit.entropy_nats = options.exit_entropy;
  WATTLE_TRY(generate.grammar, read_grammar(options));
  return generate;
}

engine::KvType kv_type(const std::string& name) {
  if (name == "f32") return engine::KvType::f32;
  return name == "i8" ? engine::KvType::i8 : engine::KvType::f16;
}

Result<OpenModel> open_model(const GenerationOptions& options) {
  OpenModel open;
  WATTLE_TRY(open.model, engine::Model::load(options.model,
                                             {.exact = options.exact, .threads = options.threads}));
  engine::SessionOptions session;
  session.context = options.context;
  session.kv_type = kv_type(options.kv);
  WATTLE_TRY(open.session, engine::Session::create(open.model, session));
  return open;
}

bool StreamingObserver::token(const engine::GeneratedToken& token, std::string_view text) {
  print(text);
  tokens_.push_back(token);
  return true;
}

void StreamingObserver::text_rest(std::string_view text) {
  print(text);
}
void StreamingObserver::decode_end() {
  if (print_) print("\n");
}

void StreamingObserver::print(std::string_view text) const {
  if (!print_ || text.empty()) return;
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string cost_line(const meter::InferenceRecord& record, std::uint32_t n_layers) {
  std::string line = fmt::format("{} + {} tokens", record.n_prompt_tokens, record.n_output_tokens);
  if (record.ttft_ms) line += fmt::format(", ttft {:.0f} ms", *record.ttft_ms);
  if (record.prefill_tokens_per_s) {
    line += fmt::format(", prefill {:.1f} tok/s", *record.prefill_tokens_per_s);
  }
  if (record.decode_tokens_per_s) {
    line += fmt::format(", decode {:.1f} tok/s", *record.decode_tokens_per_s);
  }
  if (record.n_output_tokens > 0 && record.mean_layers < n_layers) {
    line += fmt::format(", {:.1f} of {} layers", record.mean_layers, n_layers);
  }
  if (record.energy && record.energy_source) {
    const auto& energy = *record.energy;
    line += fmt::format(", {:.3g} J", energy.gross_j);
    if (energy.net_j) line += fmt::format(" gross, {:.3g} J net", *energy.net_j);
    if (record.energy_per_output_token_j_gross) {
      line += fmt::format(", {:.3g} J/token", *record.energy_per_output_token_j_gross);
    }
    if (record.energy_source->kind == "model") {
      line += fmt::format(" (not measured: {})", record.energy_source->scope);
    } else {
      line += fmt::format(" ± {:.1f} % ({}: {})", 100.0 * energy.uncertainty_j / energy.gross_j,
                          record.energy_source->kind, record.energy_source->scope);
    }
  } else {
    const auto reason = std::find_if(record.flags.begin(), record.flags.end(),
                                     [](const auto& flag) { return flag.starts_with("energy: "); });
    line += ", no energy figure";
    if (reason != record.flags.end()) line += fmt::format(" ({})", reason->substr(8));
  }
  return line + fmt::format(", stop: {}", record.stop_reason);
}

}  // namespace wattle::cli
