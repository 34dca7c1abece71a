#include "lab/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/atomic_file.hpp"
#include "lab/platform/yaml_cpp/yaml_reader.hpp"

namespace wattle::lab {
namespace {

constexpr std::size_t kManifestLimitBytes = 1 << 20;
constexpr std::array kPrecisions = {Precision::file, Precision::f16, Precision::q8_0,
                                    Precision::q4_0};

class ManifestReader {
 public:
  ManifestReader(const std::string& source, const ManifestContext& context)
      : context_(context), problems_(source) {
    manifest_.source = source;
  }

  Result<Manifest> read(const YAML::Node& root) {
    if (!root.IsMap()) {
      problems_.add(place_of(root).line > 0 ? place_of(root) : Place{1, 1},
                    fmt::format("a manifest is a mapping of keys to values, found {}; see "
                                "docs/formats/manifest.md",
                                describe(root)));
      return std::unexpected(problems_.error());
    }
    YamlMap map(root, "", problems_);
    read_experiment(map);
    map.map("generate", [&](YamlMap& generate) { read_generate(generate); });
    map.map("measure", [&](YamlMap& measure) { read_measure(measure); });
    map.done();
    require(map);
    if (!problems_.empty()) return std::unexpected(problems_.error());
    return std::move(manifest_);
  }

 private:
  void read_experiment(YamlMap& map) {
    manifest_.name = std::filesystem::path(manifest_.source).stem().string();
    map.text("name", manifest_.name);
    map.text("description", manifest_.description);
    map.list("models", [&](const YAML::Node& node) { read_model(node); });
    if (map.has("precisions")) manifest_.precisions.clear();
    map.list("precisions", [&](const YAML::Node& node) { read_precision(node); });
    if (map.has("exit_layers")) manifest_.exit_layers.clear();
    map.list("exit_layers", [&](const YAML::Node& node) { read_exit_layer(node); });
    map.list("suites", [&](const YAML::Node& node) { read_suite(node); });
    map.integer("trials", manifest_.trials, 1, 10'000);
    map.integer("warmup", manifest_.warmup, 0, 1'000);
    map.integer("seed", manifest_.seed, 0, UINT64_MAX);
    map.integer("threads", manifest_.threads, 0, 1'024);
    map.integer("context", manifest_.context, 0, 1 << 20);
    std::string output = "results/" + manifest_.name;
    map.text("output", output);
    if (output.empty()) problems_.add(map.place(), "'output' is empty; name a folder");
    manifest_.output = output;
  }

  void read_model(const YAML::Node& node) {
    ModelEntry model;
    model.place = place_of(node);
    std::string file;
    if (!read_file_entry(node, "models", file, [&](YamlMap& map) { map.text("name", model.name); }))
      return;
    model.file = resolve(file, model.place, "model");
    // "SmolLM2-1.7B" is the whole name of a folder.
    const bool is_file = model.file.extension() == ".gguf";
    if (model.name.empty()) {
      model.name = (is_file ? model.file.stem() : model.file.filename()).string();
    }
    for (const auto& other : manifest_.models) {
      if (other.name == model.name) {
        problems_.add(model.place,
                      fmt::format("two models are called '{}'; give one a 'name'", model.name));
      }
    }
    manifest_.models.push_back(std::move(model));
  }

  void read_suite(const YAML::Node& node) {
    SuiteEntry suite;
    suite.place = place_of(node);
    std::string file;
    const auto options = [&](YamlMap& map) {
      map.text("name", suite.name);
      map.integer("limit", suite.limit, 0, 1'000'000);
      map.boolean("rotate", suite.rotate);
      if (suite.rotate && suite.limit == 0) {
        problems_.add(map.place(), "'rotate' needs a 'limit': how many prompts a trial takes");
      }
    };
    if (!read_file_entry(node, "suites", file, options)) return;
    suite.file = resolve(file, suite.place, "suite");
    if (suite.name.empty()) suite.name = suite.file.stem().string();
    for (const auto& other : manifest_.suites) {
      if (other.name == suite.name) {
        problems_.add(suite.place,
                      fmt::format("two suites are called '{}'; give one a 'name'", suite.name));
      }
    }
    manifest_.suites.push_back(std::move(suite));
  }

  // An element of `models` or `suites`: a path, or a mapping with `file` and more.
  template <class ReadMore>
  bool read_file_entry(const YAML::Node& node, const std::string& list, std::string& file,
                       const ReadMore& read_more) {
    if (node.IsMap()) {
      YamlMap map(node, list, problems_);
      map.text("file", file);
      read_more(map);
      map.done();
      if (file.empty()) problems_.add(map.place(), fmt::format("'{}' needs a 'file' here", list));
    } else if (const auto text = as_text(node); text && !text->empty()) {
      file = *text;
    } else {
      problems_.add(place_of(node),
                    fmt::format("'{}' lists files (a path, or a mapping with 'file'), found {}",
                                list, describe(node)));
    }
    return !file.empty();
  }

  void read_precision(const YAML::Node& node) {
    const std::string text = as_text(node).value_or("");
    for (const auto precision : kPrecisions) {
      if (text != precision_name(precision)) continue;
      auto& list = manifest_.precisions;
      if (std::find(list.begin(), list.end(), precision) != list.end()) {
        problems_.add(place_of(node), fmt::format("precision '{}' is listed twice", text));
      } else {
        list.push_back(precision);
      }
      return;
    }
    problems_.add(place_of(node),
                  fmt::format("unknown precision {}; use file (as it is), f16, q8_0 or q4_0",
                              describe(node)));
  }

  void read_exit_layer(const YAML::Node& node) {
    const ExitLayer none{UINT32_MAX, place_of(node)};
    ExitLayer exit = none;
    if (const auto text = as_text(node); text && *text == "full") {
      exit.layer = 0;
    } else if (const auto layer = as_integer(node); layer && *layer >= 1 && *layer <= 10'000) {
      exit.layer = static_cast<std::uint32_t>(*layer);
    }
    auto& list = manifest_.exit_layers;
    if (exit.layer == none.layer) {
      problems_.add(
          place_of(node),
          fmt::format("an exit layer is a whole number from 1, or full; found {}", describe(node)));
    } else if (std::any_of(list.begin(), list.end(),
                           [&](const ExitLayer& other) { return other.layer == exit.layer; })) {
      problems_.add(place_of(node), fmt::format("exit layer {} is listed twice", describe(node)));
    } else {
      list.push_back(exit);
    }
  }

  void read_generate(YamlMap& map) {
    auto& generate = manifest_.generate;
    auto& sampling = generate.sampling;
    const auto real = [&](const char* key, float& value, double low, double high) {
      double wide = static_cast<double>(value);
      map.number(key, wide, low, high);
      value = static_cast<float>(wide);
    };
    map.integer("max_tokens", generate.max_tokens, 1, 1 << 20);
    real("temperature", sampling.temperature, 0.0, 100.0);
    map.integer("top_k", sampling.top_k, 0, 1 << 20);
    real("top_p", sampling.top_p, 0.0, 1.0);
    real("min_p", sampling.min_p, 0.0, 1.0);
    map.integer("seed", sampling.seed, 0, UINT64_MAX);
    map.boolean("ignore_eos", generate.ignore_eos);
    read_texts(map, "stop", "generate.stop", generate.stop);
  }

  void read_texts(YamlMap& map, const char* key, const char* path,
                  std::vector<std::string>& texts) {
    map.list(key, [&](const YAML::Node& node) {
      const auto text = as_text(node);
      if (text && !text->empty()) {
        texts.push_back(*text);
      } else {
        problems_.add(place_of(node), fmt::format("'{}' lists texts, found {}", path,
                                                  text ? "an empty one" : describe(node)));
      }
    });
  }

  void read_measure(YamlMap& map) {
    auto& measure = manifest_.measure;
    map.boolean("energy", measure.energy);
    map.number("idle_seconds", measure.idle_seconds, 0.0, 3600.0);
    map.number("min_block_seconds", measure.min_block_seconds, 0.0, 3600.0);
    map.integer("min_sensor_updates", measure.min_sensor_updates, 0, 1'000'000);
    map.number("max_seconds_per_configuration", measure.max_seconds_per_configuration, 0.0, 1e7);
    std::string root = measure.root.string();
    map.text("root", root);
    measure.root = root;
    read_texts(map, "sensors", "measure.sensors", measure.sensors);
  }

  void require(YamlMap& map) {
    for (const char* key : {"models", "suites"}) {
      if (!map.has(key)) {
        problems_.add(map.place(), fmt::format("the key '{}' is missing; name at least one", key));
      }
    }
    constexpr std::string_view kAllowed = "-_. ";
    const bool plain = std::all_of(manifest_.name.begin(), manifest_.name.end(), [&](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
             kAllowed.find(c) != std::string_view::npos;
    });
    if (manifest_.name.empty() || manifest_.name.size() > 100 || !plain) {
      problems_.add(map.place(), "'name' must be 1 to 100 letters, digits, spaces or any of - _ .");
    }
  }

  // A model may be a folder.
  static bool is_there(const std::filesystem::path& path, const std::string& what) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) ||
           (what == "model" && std::filesystem::is_directory(path, ignored));
  }

  // Beside the manifest first, then in the current folder.
  std::filesystem::path resolve(const std::string& text, const Place& place,
                                const std::string& what) {
    std::filesystem::path path(text);
    if (path.is_absolute()) {
      if (context_.check_files && !is_there(path, what)) {
        problems_.add(place, fmt::format("no such {} file: {}", what, text));
      }
      return path;
    }
    auto beside = (context_.folder / path).lexically_normal();
    if (!context_.check_files || is_there(beside, what)) return beside;
    if (is_there(path, what)) return path;
    problems_.add(place, fmt::format("no such {} file: {} (looked for {} and {})", what, text,
                                     beside.string(), path.string()));
    return beside;
  }

  const ManifestContext& context_;
  Problems problems_;
  Manifest manifest_;
};

}  // namespace

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::file:
      return "file";
    case Precision::f16:
      return "f16";
    case Precision::q8_0:
      return "q8_0";
    case Precision::q4_0:
      return "q4_0";
  }
  return "unknown";
}

std::string describe(const std::string& source, const Place& place) {
  if (place.line <= 0) return source;
  return fmt::format("{}:{}:{}", source, place.line, place.column);
}

Result<Manifest> parse_manifest(std::string_view text, const std::string& source,
                                const ManifestContext& context) {
  if (text.size() > kManifestLimitBytes) {
    return fail(ErrorCode::invalid_format,
                fmt::format("{} is {} bytes long, a manifest has at most {}", source, text.size(),
                            kManifestLimitBytes));
  }
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    return ManifestReader(source, context).read(root);
  } catch (const YAML::Exception& error) {
    Place place;
    if (!error.mark.is_null()) place = {error.mark.line + 1, error.mark.column + 1};
    return fail(ErrorCode::invalid_format,
                fmt::format("{}: not valid YAML: {}", describe(source, place), error.msg));
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_format,
                fmt::format("{}: not valid YAML: {}", source, error.what()));
  }
}

Result<Manifest> load_manifest(const std::filesystem::path& file) {
  WATTLE_TRY(const std::string text, read_file(file, kManifestLimitBytes));
  return parse_manifest(text, file.string(), ManifestContext{file.parent_path(), true});
}

}  // namespace wattle::lab
