// wattle inspect: what a model file holds, without loading its weights.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/command.hpp"
#include "engine/model_files.hpp"

namespace wattle::cli {
namespace {

constexpr std::size_t kShownElements = 6;
constexpr std::size_t kShownBytes = 96;

struct Options {
  std::string model;
  bool full = false;
  bool json = false;
};

struct Totals {
  std::uint64_t n_parameters = 0;
  std::uint64_t n_bytes = 0;
  struct OfType {
    std::uint64_t n_tensors = 0;
    std::uint64_t n_parameters = 0;
    std::uint64_t n_bytes = 0;
  };
  std::map<engine::TensorType, OfType> by_type;
};

Totals count(const engine::GgufFile& file) {
  Totals totals;
  for (const auto& tensor : file.tensors()) {
    totals.n_parameters += tensor.n_elements;
    totals.n_bytes += tensor.n_bytes;
    auto& of_type = totals.by_type[tensor.type];
    of_type.n_tensors += 1;
    of_type.n_parameters += tensor.n_elements;
    of_type.n_bytes += tensor.n_bytes;
  }
  return totals;
}

// The first `limit` elements; arrays inside arrays are cut the same way.
Json array_json(const engine::GgufArray& array, std::size_t limit) {
  return std::visit(
      [&](const auto& values) {
        using Element = typename std::decay_t<decltype(values)>::value_type;
        Json out = Json::array();
        for (std::size_t i = 0; i < std::min(limit, values.size()); ++i) {
          if constexpr (std::is_same_v<Element, engine::GgufArray>) {
            out.push_back(array_json(values[i], limit));
          } else {
            out.push_back(values[i]);
          }
        }
        return out;
      },
      array.values);
}

Json value_json(const engine::GgufValue& value, std::size_t limit) {
  return std::visit(
      [&](const auto& content) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(content)>, engine::GgufArray>) {
          return array_json(content, limit);
        } else {
          return content;
        }
      },
      value.value);
}

std::string type_text(const engine::GgufValue& value) {
  const auto* array = std::get_if<engine::GgufArray>(&value.value);
  if (array == nullptr) return std::string(engine::gguf_type_name(value.type));
  return fmt::format("{}[{}]", engine::gguf_type_name(array->element_type), array->size());
}

// Cuts between characters, not inside one.
std::string shorten(std::string text) {
  if (text.size() <= kShownBytes) return text;
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

// JSON spelling: controls and quotes escaped, so no file can write to the terminal.
std::string value_text(const engine::GgufValue& value, bool full) {
  std::string text =
      dump_json(value_json(value, full ? std::numeric_limits<std::size_t>::max() : kShownElements));
  const auto* array = std::get_if<engine::GgufArray>(&value.value);
  if (full) return text;
  if (array != nullptr && array->size() > kShownElements) {
    text.pop_back();
    return shorten(text) + ", …]";
  }
  return shorten(text);
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  return fmt::format("{}", fmt::join(shape, " × "));
}

void print_text(const engine::GgufFile& file, const Totals& totals, bool full) {
  using Align = TextTable::Align;
  if (file.version() == 0) {
    fmt::print("{}: Hugging Face folder, {}\n\n", file.source(), format_bytes(file.file_bytes()));
  } else {
    fmt::print("{}: GGUF version {}, {}, alignment {}\n\n", file.source(), file.version(),
               format_bytes(file.file_bytes()), file.alignment());
  }
  TextTable keys({{"key"}, {"type"}, {"value"}});
  for (const auto& [key, value] : file.metadata()) {
    const std::string quoted = dump_json(Json(key));
    keys.add_row({quoted.substr(1, quoted.size() - 2), type_text(value), value_text(value, full)});
  }
  fmt::print("{}", keys.render());
  if (file.tensors().empty()) {
    fmt::print("\nno tensors: a vocabulary only\n");
    return;
  }
  TextTable tensors({{"tensor"},
                     {"type"},
                     {"shape (contiguous first)"},
                     {"bytes", Align::right},
                     {"at data offset", Align::right}});
  for (const auto& tensor : file.tensors()) {
    const std::string quoted = dump_json(Json(tensor.name));
    tensors.add_row({quoted.substr(1, quoted.size() - 2),
                     std::string(engine::info(tensor.type).name), shape_text(tensor.shape),
                     std::to_string(tensor.n_bytes), std::to_string(tensor.offset)});
  }
  fmt::print("\n{}\n", tensors.render());
  TextTable types(
      {{"type"}, {"tensors", Align::right}, {"parameters", Align::right}, {"bytes", Align::right}});
  for (const auto& [type, sum] : totals.by_type) {
    types.add_row({std::string(engine::info(type).name), std::to_string(sum.n_tensors),
                   std::to_string(sum.n_parameters), std::to_string(sum.n_bytes)});
  }
  types.add_row({"all", std::to_string(file.tensors().size()), std::to_string(totals.n_parameters),
                 std::to_string(totals.n_bytes)});
  fmt::print("{}", types.render());
}

void print_json(const engine::GgufFile& file, const Totals& totals, bool full) {
  const std::size_t limit = full ? std::numeric_limits<std::size_t>::max() : kShownElements;
  Json metadata = Json::object();
  for (const auto& [key, value] : file.metadata()) {
    Json entry{{"type", engine::gguf_type_name(value.type)}};
    if (const auto* array = std::get_if<engine::GgufArray>(&value.value)) {
      entry["element_type"] = engine::gguf_type_name(array->element_type);
      entry["length"] = array->size();
      entry["shortened"] = array->size() > limit;
    }
    entry["value"] = value_json(value, limit);
    metadata[key] = std::move(entry);
  }
  Json tensors = Json::array();
  for (const auto& tensor : file.tensors()) {
    tensors.push_back({{"name", tensor.name},
                       {"type", engine::info(tensor.type).name},
                       {"shape", tensor.shape},
                       {"parameters", tensor.n_elements},
                       {"bytes", tensor.n_bytes},
                       {"offset", tensor.offset}});
  }
  Json by_type = Json::object();
  for (const auto& [type, sum] : totals.by_type) {
    by_type[engine::info(type).name] = {
        {"tensors", sum.n_tensors}, {"parameters", sum.n_parameters}, {"bytes", sum.n_bytes}};
  }
  const Json out{{"file", file.source()},
                 {"version", file.version()},
                 {"alignment", file.alignment()},
                 {"file_bytes", file.file_bytes()},
                 {"parameters", totals.n_parameters},
                 {"tensor_bytes", totals.n_bytes},
                 {"by_type", std::move(by_type)},
                 {"metadata", std::move(metadata)},
                 {"tensors", std::move(tensors)}};
  fmt::print("{}\n", dump_json(out, 2));
}

int run(const Options& options) {
  const auto file = engine::open_weights(options.model);
  if (!file) return report(file.error());
  const Totals totals = count(*file);
  options.json ? print_json(*file, totals, options.full) : print_text(*file, totals, options.full);
  return kOk;
}

}  // namespace

void add_inspect(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("inspect", "Show the metadata and the tensor table of a model file.");
  command->add_option("MODEL", options->model, "A GGUF file, or the folder of a Hugging Face model")
      ->required();
  command->add_flag("--full", options->full, "Show long texts and arrays in full");
  command->add_flag("--json", options->json, "Print JSON; arrays are shortened unless --full");
  command->footer("Example:\n  wattle inspect models/telemetry-16l.gguf");
  command->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
