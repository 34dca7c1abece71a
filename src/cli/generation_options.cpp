#include "cli/generation_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
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

void add_sampling_options(CLI::App& command, GenerationOptions& options) {
  auto& sampling = options.generate.sampling;
  command
      .add_option("--temp", sampling.temperature, "Temperature; 0 takes the most probable token")
      ->capture_default_str();
  command.add_option("--top-k", sampling.top_k, "Choose among the k most probable (0: off)");
  command.add_option("--top-p", sampling.top_p,
                     "Choose among the most probable that reach this probability (1: off)");
  command.add_option("--min-p", sampling.min_p,
                     "Drop tokens less probable than this part of the best (0: off)");
  command.add_option("--typical-p", sampling.typical_p,
                     "Choose among the most typical that reach this probability (1: off)");
  command.add_option("--repeat-penalty", sampling.repetition_penalty,
                     "Divide the logits of tokens of prompt and answer by this (1: off)");
  command
      .add_option("--repeat-last-n", sampling.repeat_last_n,
                  "How many tokens --repeat-penalty looks back on (-1: all)")
      ->capture_default_str();
  command.add_option("--presence-penalty", sampling.presence_penalty,
                     "Subtract this from the logits of generated tokens (0: off)");
  command.add_option("--frequency-penalty", sampling.frequency_penalty,
                     "Subtract this for every time that a token was generated (0: off)");
  command
      .add_option("--logit-bias", options.logit_bias,
                  "ID=VALUE: add VALUE to a token's logit, -inf forbids it (may be repeated)")
      ->take_all()
      ->expected(1);
  command.add_option("--seed", sampling.seed, "Seed of the random choice")->capture_default_str();
}

void add_exit_options(CLI::App& command, GenerationOptions& options) {
  auto& exit = options.generate.exit;
  command.add_option("--exit-layer", exit.layer,
                     "Leave after this layer, counted from 1 (0: all layers)");
  auto* entropy = command.add_option(
      "--exit-entropy", options.exit_entropy,
      "Leave after the first layer whose next-token entropy is below this (nats)");
  auto* margin = command.add_option("--exit-margin", options.exit_margin,
                                    "Leave after the first layer where the most probable token is "
                                    "this much more probable than the next");
  auto* confidence = command.add_option(
      "--exit-confidence", options.exit_confidence,
      "P[:LOWER:N]: leave after the first layer where the most probable token is more probable "
      "than P, or than LOWER for N layers in a row");
  entropy->excludes(margin)->excludes(confidence);
  margin->excludes(confidence);
  command.add_option("--min-exit-layer", exit.min_layer, "First layer that these three look at")
      ->capture_default_str();
  command
      .add_option("--exit-kv", options.exit_kv,
                  "Keys and values of skipped layers: propagate (from where the token left) or "
                  "recompute (exact, when they are needed)")
      ->check(CLI::IsMember({"propagate", "recompute"}))
      ->capture_default_str();
}

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

template <class Number>
bool parse_part(const std::string& part, Number& number) {
  const char* const end = part.data() + part.size();
  const auto [ptr, ec] = std::from_chars(part.data(), end, number);
  return ec == std::errc() && ptr == end;
}

Result<engine::ConfidenceExit> parse_confidence(const std::string& text) {
  engine::ConfidenceExit exit;
  const auto parts = parts_of(text);
  bool ok = (parts.size() == 1 || parts.size() == 3) && parse_part(parts[0], exit.upper);
  exit.lower = exit.upper;
  if (ok && parts.size() == 3) {
    ok = parse_part(parts[1], exit.lower) && parse_part(parts[2], exit.n_layers);
  }
  if (ok) return exit;
  return fail(ErrorCode::invalid_argument, fmt::format("--exit-confidence is '{}'", text),
              "Give a probability, for example 0.9, or two and a number of layers: 0.9:0.7:3.");
}

Result<engine::SpeculationOptions> parse_speculation(const std::string& text) {
  engine::SpeculationOptions options;
  if (text.empty()) return options;
  const auto parts = parts_of(text);
  const auto draft_at = [&](std::size_t at) {  // nothing, or a number from 1
    if (parts.size() == at) return true;
    return parts.size() == at + 1 && parse_part(parts[at], options.n_draft) && options.n_draft > 0;
  };
  using Kind = engine::SpeculationOptions::Kind;
  bool ok = false;
  if (parts[0] == "self") {
    options.kind = Kind::self;
    ok = parts.size() >= 2 && parse_part(parts[1], options.draft_layers) && draft_at(2);
  } else if (parts[0] == "lookup") {
    options.kind = Kind::lookup;
    ok = draft_at(1);
  }
  if (ok) return options;
  return fail(ErrorCode::invalid_argument, fmt::format("--speculate is '{}'", text),
              "Give self:E or self:E:K (guess K tokens with the first E layers), lookup or "
              "lookup:K.");
}

Result<engine::LogitBias> parse_logit_bias(const std::string& text) {
  engine::LogitBias bias;
  const char* const end = text.data() + text.size();
  const auto id = std::from_chars(text.data(), end, bias.id);
  if (id.ec == std::errc() && id.ptr != end && *id.ptr == '=') {
    const char* begin = id.ptr + 1;
    if (end - begin > 1 && *begin == '+' && begin[1] != '-') ++begin;  // from_chars takes no plus
    const auto value = std::from_chars(begin, end, bias.bias);
    if (value.ec == std::errc() && value.ptr == end) return bias;
  }
  return fail(ErrorCode::invalid_argument, fmt::format("--logit-bias is '{}'", text),
              "Give a token id and a number, for example 42=-1.5, or 42=-inf to forbid the token "
              "(wattle tokenize prints ids).");
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
  command
      .add_option("-m,--model", options.model, "GGUF file, or the folder of a Hugging Face model")
      ->required();
  command.add_option("-n,--max-tokens", generate.max_tokens, "Tokens to generate at most")
      ->capture_default_str();
  add_sampling_options(command, options);
  command.add_option("--stop", generate.stop, "End before this text (may be repeated)")
      ->take_all()
      ->expected(1);
  add_exit_options(command, options);
  command.add_option("--speculate", options.speculate,
                     "Guess tokens and check them in one pass, for the same output: self:E[:K] "
                     "(guess K with the first E layers) or lookup[:K] (from what was said before)");
  command.add_flag("--ignore-eos", generate.ignore_eos, "Go on after an end-of-text token");
  add_grammar_options(command, options);
  command.add_option("-c,--ctx", options.context,
                     "Context in tokens (0: what the model was made for)");
  command.add_option("--kv", options.kv, "KV cache type")
      ->check(CLI::IsMember({"f16", "f32", "i8"}))
      ->capture_default_str();
  command.add_option("-t,--threads", options.threads,
                     "Threads (0: physical cores this process may use)");
  command.add_option("--decode-threads", options.decode_threads,
                     "Threads of decoding one sequence, which a few cores do as fast as many (0: "
                     "all up to 4, half of those above)");
  add_repack_option(command, options.repack);
  command.add_flag("--exact", options.exact,
                   "Weights dequantised, activations and KV cache F32: for checking, slow");
}

Result<engine::GenerateOptions> generate_options(const GenerationOptions& options) {
  engine::GenerateOptions generate = options.generate;
  generate.exit.entropy_nats = options.exit_entropy;
  generate.exit.margin = options.exit_margin;
  if (!options.exit_confidence.empty()) {
    WATTLE_TRY(generate.exit.confidence, parse_confidence(options.exit_confidence));
  }
  generate.exit.kv =
      options.exit_kv == "recompute" ? engine::ExitKv::recompute : engine::ExitKv::propagate;
  WATTLE_TRY(generate.speculation, parse_speculation(options.speculate));
  for (const std::string& text : options.logit_bias) {
    WATTLE_TRY(const engine::LogitBias bias, parse_logit_bias(text));
    generate.sampling.logit_bias.push_back(bias);
  }
  WATTLE_TRY(generate.grammar, read_grammar(options));
  return generate;
}

engine::KvType kv_type(const std::string& name) {
  if (name == "f32") return engine::KvType::f32;
  return name == "i8" ? engine::KvType::i8 : engine::KvType::f16;
}

void add_repack_option(CLI::App& command, std::string& repack) {
  command
      .add_option(
          "--repack", repack,
          "Matrices that are copied at load into a faster form: all, blocks (F16 and BF16 "
          "stay in the file: starts at once, slower prompts) or none (starts at once; prompts "
          "about 8, decoding 24 times slower)")
      ->check(CLI::IsMember({"all", "blocks", "none"}))
      ->capture_default_str();
}

engine::Repack repack_of(const std::string& name) {
  if (name == "none") return engine::Repack::none;
  return name == "blocks" ? engine::Repack::blocks : engine::Repack::all;
}

Result<OpenModel> open_model(const GenerationOptions& options) {
  OpenModel open;
  WATTLE_TRY(open.model,
             engine::Model::load(options.model, {.exact = options.exact,
                                                 .threads = options.threads,
                                                 .decode_threads = options.decode_threads,
                                                 .repack = repack_of(options.repack)}));
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
  if (record.n_drafted_tokens && record.n_accepted_tokens && record.n_verification_passes) {
    line += fmt::format(", {} of {} guesses right in {} passes", *record.n_accepted_tokens,
                        *record.n_drafted_tokens, *record.n_verification_passes);
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
