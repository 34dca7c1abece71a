// wattle quantize, wattle convert: rewrite a model as a GGUF file, with its matrices in another
// type or as they are.
#include "compress/quantize.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/progress.hpp"
#include "base/text_table.hpp"
#include "cli/command.hpp"
#include "cli/weight_type.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string type;
  std::vector<std::string> rules;
  int threads = 0;
  bool json = false;
};

std::string percent(double part, double whole) {
  return whole > 0.0 ? fmt::format("{:.2f} %", 100.0 * part / whole) : std::string("-");
}

void print_json(const Options& options, const compress::QuantizeReport& made) {
  Json roles = Json::array();
  for (const auto& role : made.roles) {
    roles.push_back({{"role", role.role},
                     {"tensors", role.n_tensors},
                     {"from", engine::info(role.from).name},
                     {"to", engine::info(role.to).name},
                     {"elements", role.n_elements},
                     {"bytes_before", role.bytes_before},
                     {"bytes_after", role.bytes_after},
                     {"rms_error", role.converted() ? Json(role.rms_error) : Json(nullptr)},
                     {"rms_weight", role.converted() ? Json(role.rms_weight) : Json(nullptr)}});
  }
  const Json out{{"in", options.in},
                 {"out", options.out},
                 {"file_bytes_before", made.file_bytes_before},
                 {"file_bytes_after", made.file_bytes_after},
                 {"was_quantized", made.was_quantized},
                 {"roles", std::move(roles)}};
  fmt::print("{}\n", dump_json(out, 2));
}

void print_table(const Options& options, const compress::QuantizeReport& made) {
  using Align = TextTable::Align;
  TextTable table({{"tensors"},
                   {"number", Align::right},
                   {"from"},
                   {"to"},
                   {"before", Align::right},
                   {"after", Align::right},
                   {"RMS error", Align::right},
                   {"of RMS weight", Align::right}});
  // Over all tensors that went to one type: squares add up.
  struct Sum {
    double squared_error = 0.0;
    double squared_weight = 0.0;
    double n = 0.0;
  };
  std::map<engine::TensorType, Sum> sums;
  for (const auto& role : made.roles) {
    const bool converted = role.converted();
    table.add_row({role.role, std::to_string(role.n_tensors),
                   std::string(engine::info(role.from).name),
                   converted ? std::string(engine::info(role.to).name) : std::string("kept"),
                   format_bytes(role.bytes_before), format_bytes(role.bytes_after),
                   converted ? fmt::format("{:.3g}", role.rms_error) : std::string("-"),
                   converted ? percent(role.rms_error, role.rms_weight) : std::string("-")});
    if (!converted) continue;
    const auto n = static_cast<double>(role.n_elements);
    Sum& sum = sums[role.to];
    sum.squared_error += role.rms_error * role.rms_error * n;
    sum.squared_weight += role.rms_weight * role.rms_weight * n;
    sum.n += n;
  }
  fmt::print("{}", table.render());
  for (const auto& [type, sum] : sums) {
    fmt::print("{}: RMS error {:.3g}, {} of the RMS weight\n", engine::info(type).name,
               std::sqrt(sum.squared_error / sum.n),
               percent(std::sqrt(sum.squared_error), std::sqrt(sum.squared_weight)));
  }
  fmt::print("{}: {} → {} ({} of the size)\n", options.out, format_bytes(made.file_bytes_before),
             format_bytes(made.file_bytes_after),
             percent(static_cast<double>(made.file_bytes_after),
                     static_cast<double>(made.file_bytes_before)));
}

// "blk.*.ffn_down.weight=q6_k"
Result<compress::TypeRule> parse_rule(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(ErrorCode::invalid_argument, "'" + text + "' is not PATTERN=TYPE",
                "Write for instance --tensor-type 'blk.*.ffn_down.weight=q6_k'.");
  }
  WATTLE_TRY(const auto type, parse_weight_type(text.substr(equals + 1)));
  return compress::TypeRule{text.substr(0, equals), type};
}

void add_options(CLI::App& command, Options& options) {
  command
      .add_option("IN", options.in,
                  "The model to read: GGUF, or the folder of a Hugging Face model")
      ->required();
  command.add_option("OUT", options.out, "The file to write")->required();
  command.add_option("--type", options.type, "Type of the matrices: " + weight_type_names());
  command
      .add_option("--tensor-type", options.rules,
                  "PATTERN=TYPE: matrices of these names get another type (may be repeated)")
      ->take_all()
      ->expected(1);
  command.add_option("--threads", options.threads, "0: all cores this process may use")
      ->capture_default_str();
  command.add_flag("--json", options.json, "Print sizes and errors as JSON");
}

int run(const Options& options) {
  compress::QuantizeOptions work;
  work.type.reset();
  if (!options.type.empty()) {
    const auto type = parse_weight_type(options.type);
    if (!type) return report(type.error());
    work.type = *type;
  }
  for (const std::string& text : options.rules) {
    const auto rule = parse_rule(text);
    if (!rule) return report(rule.error());
    work.rules.push_back(*rule);
  }
  work.threads = options.threads;
  const SystemClock clock;
  Progress progress(options.type.empty() ? "convert" : "quantize", 1.0, clock);
  work.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.update(static_cast<double>(done) / static_cast<double>(total), format_bytes(done));
  };
  const auto made = compress::quantize_file(options.in, options.out, work);
  progress.finish();
  if (!made) return report(made.error());
  if (made->was_quantized) {
    fmt::print(stderr,
               "wattle: note: {} was quantised already, so errors add up; start from its F16 or "
               "BF16 file for the best result.\n",
               options.in);
  }
  options.json ? print_json(options, *made) : print_table(options, *made);
  return kOk;
}

}  // namespace

void add_quantize(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("quantize", "Rewrite a model file with its matrices in another type.");
  add_options(*command, *options);
  command->get_option("--type")->required();
  command->footer(
      "Examples:\n"
      "  wattle quantize model-f16.gguf model-q4_0.gguf --type q4_0\n"
      "  wattle quantize model-f16.gguf mixed.gguf --type q4_k \\\n"
      "    --tensor-type 'blk.*.ffn_down.weight=q6_k' --tensor-type 'output.weight=q6_k'");
  command->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

void add_convert(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("convert", "Write the folder of a Hugging Face model as one GGUF file.");
  add_options(*command, *options);
  command->footer(
      "Weights keep their type unless --type names another; AWQ weights become Q4_1, which says "
      "the "
      "same.\nA folder needs no conversion to be run: -m takes it. The parts of a split GGUF file "
      "are joined.\n"
      "Examples:\n"
      "  wattle convert SmolLM2-135M-Instruct/ smollm2.gguf\n"
      "  wattle convert SmolLM2-135M-Instruct/ smollm2-q8_0.gguf --type q8_0");
  command->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
