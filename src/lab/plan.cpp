#include "lab/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/progress.hpp"
#include "lab/model_variants.hpp"
#include "lab/random.hpp"

namespace wattle::lab {
namespace {

Status prepare_variants(Plan& plan, const PlanOptions& options) {
  for (const auto& model : plan.manifest.models) {
    for (const auto precision : plan.manifest.precisions) {
      auto variant = prepare_variant(model, precision, options);
      if (!variant) {
        variant.error().what = fmt::format("{}: {}", describe(plan.manifest.source, model.place),
                                           variant.error().what);
        return std::unexpected(variant.error());
      }
      const bool already =
          std::any_of(plan.variants.begin(), plan.variants.end(),
                      [&](const ModelVariant& other) { return other.file == variant->file; });
      if (!already) plan.variants.push_back(std::move(*variant));
    }
  }
  return {};
}

Status check_exit_layers(const Plan& plan) {
  for (const auto& variant : plan.variants) {
    for (const auto& exit : plan.manifest.exit_layers) {
      if (exit.layer <= variant.n_layers) continue;
      return fail(ErrorCode::out_of_range,
                  fmt::format("{}: exit layer {} is beyond the {} layers of model {}",
                              describe(plan.manifest.source, exit.place), exit.layer,
                              variant.n_layers, variant.model),
                  fmt::format("Use 1 to {}, or full.", variant.n_layers));
    }
  }
  return {};
}

void add_configurations(Plan& plan) {
  for (std::size_t v = 0; v < plan.variants.size(); ++v) {
    const auto& variant = plan.variants[v];
    for (std::size_t s = 0; s < plan.suites.size(); ++s) {
      for (const auto& exit : plan.manifest.exit_layers) {
        Configuration c;
        c.id = static_cast<std::int64_t>(plan.configurations.size()) + 1;
        c.model = variant.model;
        c.model_sha256 = variant.sha256;
        c.precision = variant.precision;
        c.exit_layer = exit.layer == variant.n_layers ? 0 : exit.layer;
        c.n_layers = variant.n_layers;
        c.suite = plan.suites[s].name;
        // "16, full" for a model of 16 layers is one configuration.
        const bool already =
            std::any_of(plan.configurations.begin(), plan.configurations.end(),
                        [&](const Configuration& other) {
                          return plan.variant_of[static_cast<std::size_t>(other.id - 1)] == v &&
                                 other.suite == c.suite && other.exit_layer == c.exit_layer;
                        });
        if (already) continue;
        plan.configurations.push_back(std::move(c));
        plan.variant_of.push_back(v);
        plan.suite_of.push_back(s);
      }
    }
  }
}

}  // namespace

Result<Plan> make_plan(const std::filesystem::path& manifest_file, const PlanOptions& options) {
  Plan plan;
  WATTLE_TRY(plan.manifest, load_manifest(manifest_file));
  WATTLE_TRY(plan.manifest_text, read_file(manifest_file));
  for (const auto& entry : plan.manifest.suites) {
    WATTLE_TRY(Suite suite, load_suite(entry.file, entry.name));
    plan.suites.push_back(std::move(suite));
  }
  WATTLE_CHECK(prepare_variants(plan, options));
  WATTLE_CHECK(check_exit_layers(plan));
  for (const auto& variant : plan.variants) {
    if (variant.wanted != Precision::file && plan.manifest.precisions.size() > 1 &&
        &variant != &plan.variants.front() && variant.model == plan.variants.front().model) {
      continue;  // the same vocabulary as the first
    }
    for (std::size_t s = 0; s < plan.suites.size(); ++s) {
      WATTLE_CHECK(check_prompts_fit(variant, plan.suites[s], plan.manifest.suites[s].file,
                                     plan.manifest.context));
    }
  }
  add_configurations(plan);
  return plan;
}

std::filesystem::path default_cache_folder() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (const auto own = variable("WATTLE_CACHE"); !own.empty()) return own;
  if (const auto cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "wattle";
  if (const auto home = variable("HOME"); !home.empty()) return home / ".cache" / "wattle";
  return ".cache/wattle";
}

Experiment experiment_of(const Plan& plan) {
  const auto& manifest = plan.manifest;
  Experiment experiment;
  experiment.name = manifest.name;
  experiment.description = manifest.description;
  experiment.created = iso8601_utc(SystemClock().wall_ns());
  experiment.manifest_source = manifest.source;
  experiment.manifest_text = plan.manifest_text;
  experiment.trials = static_cast<int>(manifest.trials);
  Json& json = experiment.plan;
  json["models"] = Json::array();
  for (const auto& variant : plan.variants) {
    json["models"].push_back({{"name", variant.model},
                              {"precision", variant.precision},
                              {"sha256", variant.sha256},
                              {"n_layers", variant.n_layers}});
  }
  json["exit_layers"] = Json::array();
  for (const auto& exit : manifest.exit_layers) json["exit_layers"].push_back(exit.layer);
  json["suites"] = Json::array();
  for (std::size_t s = 0; s < plan.suites.size(); ++s) {
    json["suites"].push_back({{"name", plan.suites[s].name},
                              {"sha256", plan.suites[s].sha256},
                              {"n_prompts", plan.suites[s].prompts.size()},
                              {"limit", manifest.suites[s].limit},
                              {"rotate", manifest.suites[s].rotate}});
  }
  const auto& generate = manifest.generate;
  json["generate"] = {
      {"max_tokens", generate.max_tokens}, {"temperature", generate.sampling.temperature},
      {"top_k", generate.sampling.top_k},  {"top_p", generate.sampling.top_p},
      {"min_p", generate.sampling.min_p},  {"seed", generate.sampling.seed},
      {"ignore_eos", generate.ignore_eos}, {"stop", generate.stop}};
  json["seed"] = manifest.seed;
  json["warmup"] = manifest.warmup;
  json["threads"] = manifest.threads;
  json["context"] = manifest.context;
  const auto& measure = manifest.measure;
  json["measure"] = {{"energy", measure.energy},
                     {"min_block_seconds", measure.min_block_seconds},
                     {"min_sensor_updates", measure.min_sensor_updates},
                     {"root", measure.root.string()}};
  if (!measure.sensors.empty()) json["measure"]["sensors"] = measure.sensors;
  return experiment;
}

std::vector<std::size_t> trial_order(const Plan& plan, int trial) {
  SplitMix64 random(plan.manifest.seed * 1'000'003 + static_cast<std::uint64_t>(trial));
  std::vector<std::size_t> variants(plan.variants.size());
  for (std::size_t v = 0; v < variants.size(); ++v) variants[v] = v;
  shuffle(variants, random);
  std::vector<std::size_t> order;
  for (const auto variant : variants) {
    std::vector<std::size_t> group;
    for (std::size_t c = 0; c < plan.configurations.size(); ++c) {
      if (plan.variant_of[c] == variant) group.push_back(c);
    }
    shuffle(group, random);
    order.insert(order.end(), group.begin(), group.end());
  }
  return order;
}

std::vector<std::size_t> prompts_of_trial(const SuiteEntry& entry, std::size_t n_prompts,
                                          int trial) {
  const std::size_t n =
      entry.limit == 0 ? n_prompts : std::min<std::size_t>(entry.limit, n_prompts);
  const std::size_t first = entry.rotate ? n * static_cast<std::size_t>(trial) % n_prompts : 0;
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < n; ++i) indices.push_back((first + i) % n_prompts);
  return indices;
}

double least_seconds(const Plan& plan) {
  const auto& measure = plan.manifest.measure;
  return 2.0 * measure.idle_seconds + measure.min_block_seconds * plan.manifest.trials *
                                          static_cast<double>(plan.configurations.size());
}

std::string describe_plan(const Plan& plan) {
  const auto& manifest = plan.manifest;
  std::string text = fmt::format("{}: {} configurations × {} trials\n", manifest.name,
                                 plan.configurations.size(), manifest.trials);
  for (const auto& variant : plan.variants) {
    text += fmt::format("  model {} in {}: {} layers, {:.1f} MiB, {}\n", variant.model,
                        variant.precision, variant.n_layers,
                        static_cast<double>(variant.file_bytes) / (1 << 20), variant.file.string());
  }
  std::string layers;
  for (const auto& exit : manifest.exit_layers) {
    layers += (layers.empty() ? "" : ", ") +
              (exit.layer == 0 ? std::string("full") : std::to_string(exit.layer));
  }
  text += fmt::format("  exit layers: {}\n", layers);
  for (std::size_t s = 0; s < plan.suites.size(); ++s) {
    const auto n = prompts_of_trial(manifest.suites[s], plan.suites[s].prompts.size(), 0).size();
    text += fmt::format("  suite {}: {} of {} prompts a pass{}\n", plan.suites[s].name, n,
                        plan.suites[s].prompts.size(),
                        manifest.suites[s].rotate ? ", other ones in each trial" : "");
  }
  text += fmt::format("  results in {}\n", manifest.output.string());
  text += fmt::format(
      "  takes at least {} (windows of {} s and idle baselines; a pass that is "
      "longer than a window takes longer)\n",
      format_duration(least_seconds(plan)), manifest.measure.min_block_seconds);
  return text;
}

}  // namespace wattle::lab
