// wattle logits: what a model thinks at every position. Field names as in the reference data.
#include <fmt/format.h>

#include <charconv>

#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/command.hpp"
#include "cli/generation_options.hpp"
#include "engine/generate.hpp"

namespace wattle::cli {
namespace {

struct LogitsOptions {
  std::string model;
  std::string tokens;
  std::uint32_t exit_layer = 0;
  int threads = 0;
  bool exact = false;
  bool json = false;
  std::string kv = "f16";
};

constexpr std::size_t kShown = 64;

Result<std::vector<engine::TokenId>> parse_tokens(std::string_view text) {
  std::vector<engine::TokenId> tokens;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    if (*p == ' ' || *p == ',' || *p == '\n' || *p == '\t') {
      ++p;
      continue;
    }
    engine::TokenId id = 0;
    const auto [next, error] = std::from_chars(p, end, id);
    if (error != std::errc()) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--tokens: '{}' is not a token id", std::string_view(p, end)),
                  "Give ids separated by spaces, for example --tokens \"1 2 3\".");
    }
    tokens.push_back(id);
    p = next;
  }
  return tokens;
}

Json to_json(const engine::Model& model, const std::vector<engine::TokenId>& tokens,
             const std::vector<engine::PositionLogits>& positions) {
  Json json;
  json["n_vocab"] = model.config().n_vocab;
  json["tokens"] = tokens;
  json["positions"] = Json::array();
  for (const auto& position : positions) {
    const std::size_t n = std::min(kShown, position.logits.size());
    json["positions"].push_back(
        {{"argmax", position.argmax},
         {"logsumexp", position.logsumexp},
         {"entropy_nats", position.entropy_nats},
         {"logits_first_64",
          std::vector<float>(position.logits.begin(),
                             position.logits.begin() + static_cast<std::ptrdiff_t>(n))}});
  }
  return json;
}

void print_table(const engine::Model& model, const std::vector<engine::TokenId>& tokens,
                 const std::vector<engine::PositionLogits>& positions) {
  using Align = TextTable::Align;
  TextTable table({{"position", Align::right},
                   {"token", Align::right},
                   {"argmax", Align::right},
                   {"text"},
                   {"logsumexp", Align::right},
                   {"entropy nats", Align::right},
                   {"first logits"}});
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto& p = positions[i];
    std::string first;
    for (std::size_t j = 0; j < std::min<std::size_t>(4, p.logits.size()); ++j) {
      first += fmt::format("{:9.4f}", p.logits[j]);
    }
    table.add_row({std::to_string(i), std::to_string(tokens[i]), std::to_string(p.argmax),
                   dump_json(Json(model.tokenizer().piece(p.argmax, true))),
                   fmt::format("{:.6f}", p.logsumexp), fmt::format("{:.6f}", p.entropy_nats),
                   first});
  }
  fmt::print("{}", table.render());
}

Status logits(const LogitsOptions& options) {
  WATTLE_TRY(const auto tokens, parse_tokens(options.tokens));
  WATTLE_TRY(const auto model, engine::Model::load(options.model, {.exact = options.exact,
                                                                   .threads = options.threads}));
  engine::SessionOptions session_options;
  session_options.kv_type = kv_type(options.kv);
  WATTLE_TRY(const auto session, engine::Session::create(model, session_options));
  WATTLE_TRY(const auto positions, engine::all_logits(*session, tokens, options.exit_layer));
  if (options.json) {
    fmt::print("{}\n", dump_json(to_json(*model, tokens, positions)));
  } else {
    print_table(*model, tokens, positions);
  }
  return {};
}

}  // namespace

void add_logits(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand(
      "logits", "Next-token distribution at every position: argmax, logsumexp, entropy, logits");
  auto options = std::make_shared<LogitsOptions>();
  command
      ->add_option("-m,--model", options->model, "GGUF file, or the folder of a Hugging Face model")
      ->required();
  command->add_option("--tokens", options->tokens, "Token ids, separated by spaces")->required();
  command->add_option("--exit-layer", options->exit_layer,
                      "Leave after this layer, counted from 1 (0: all layers)");
  command->add_option("-t,--threads", options->threads, "Threads (0: cores this process may use)");
  command->add_option("--kv", options->kv, "KV cache type")
      ->check(CLI::IsMember({"f16", "f32", "i8"}))
      ->capture_default_str();
  command->add_flag("--exact", options->exact,
                    "Weights dequantised, activations and KV cache F32: for checking");
  command->add_flag("--json", options->json, "Print JSON with the first 64 logits");
  command->footer("Example: wattle logits -m model.gguf --tokens \"1 15043 3186\" --json");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto status = logits(*options);
      return status ? static_cast<int>(kOk) : report(status.error());
    };
  });
}

}  // namespace wattle::cli
