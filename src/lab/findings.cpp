#include "lab/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "lab/format.hpp"

namespace wattle::lab {
namespace {

using Rows = std::vector<const SummaryRow*>;
constexpr double kTolerablePoints = 5.0;  // of accuracy, for "what leaving early buys"

double joules(const SummaryRow& row) {
  return row.energy_per_output_token_j_gross->value;
}
bool has_energy(const SummaryRow& row) {
  return row.energy_per_output_token_j_gross.has_value();
}
bool is_full(const SummaryRow& row) {
  const auto& c = row.configuration;
  return c.exit_layer == 0 || c.exit_layer == c.n_layers;
}
std::uint32_t depth(const SummaryRow& row) {
  return is_full(row) ? row.configuration.n_layers : row.configuration.exit_layer;
}

bool overlap(const std::optional<Interval>& a, const std::optional<Interval>& b) {
  return !a || !b || (a->low <= b->high && b->low <= a->high);
}

// Percent saved by `a` against `b`; negative if it costs more.
double saving(const SummaryRow& a, const SummaryRow& b) {
  return 100.0 * (1.0 - joules(a) / joules(b));
}
double points_lost(const SummaryRow& a, const SummaryRow& b) {
  return a.accuracy && b.accuracy ? 100.0 * (*b.accuracy - *a.accuracy) : 0.0;
}
bool energy_resolved(const SummaryRow& a, const SummaryRow& b) {
  return !overlap(a.energy_per_output_token_j_gross->ci95, b.energy_per_output_token_j_gross->ci95);
}

std::string accuracy_change(const SummaryRow& a, const SummaryRow& b) {
  if (!a.accuracy || !b.accuracy) return "";
  const double lost = points_lost(a, b);
  const std::string numbers =
      fmt::format("{:.1f} % against {:.1f} %", *a.accuracy * 100.0, *b.accuracy * 100.0);
  if (std::abs(lost) < 0.05) return fmt::format(" and costs no accuracy ({})", numbers);
  const std::string change = fmt::format(" and {} {:.1f} points of accuracy ({}",
                                         lost > 0 ? "costs" : "gains", std::abs(lost), numbers);
  if (overlap(a.accuracy_ci95, b.accuracy_ci95)) {
    return fmt::format("{}; {} prompts are too few to be sure of that difference)", change,
                       a.n_judged_prompts);
  }
  return change + ")";
}

std::string energy_change(const SummaryRow& a, const SummaryRow& b) {
  if (!energy_resolved(a, b)) return "changes the energy per token by less than the trials resolve";
  const double percent = saving(a, b);
  return percent >= 0 ? fmt::format("saves {:.0f} % of the energy per token", percent)
                      : fmt::format("needs {:.0f} % more energy per token", -percent);
}

std::string minus_percent(const SummaryRow& a, const SummaryRow& b) {
  if (!energy_resolved(a, b)) return "≈";
  const double percent = saving(a, b);
  return fmt::format("{}{:.0f} %", percent >= 0 ? "−" : "+", std::abs(percent));
}

class Finder {
 public:
  Finder(const Rows& rows, bool several_groups) : rows_(rows) {
    const auto& c = rows.front()->configuration;
    if (several_groups) context_ = fmt::format(" ({}, {})", c.model, c.suite);
    reference_ = rows.front();
    for (const auto* row : rows) {
      const bool same = row->configuration.precision == reference_->configuration.precision;
      if (same && depth(*row) > depth(*reference_)) reference_ = row;
    }
  }

  void find(Findings& findings) {
    early_exit(findings);
    precision(findings);
    cheapest(findings);
    latency(findings);
  }

 private:
  bool can_compare(const SummaryRow& row) const {
    return &row != reference_ && has_energy(row) && has_energy(*reference_) &&
           comparable(row, *reference_);
  }

  // The exit layer that saves most while losing at most a few points; else the least harmful one.
  void early_exit(Findings& findings) {
    const SummaryRow* best = nullptr;
    for (const auto* row : rows_) {
      if (!can_compare(*row) || is_full(*row)) continue;
      if (row->configuration.precision != reference_->configuration.precision) continue;
      if (best == nullptr) {
        best = row;
        continue;
      }
      const bool fine = points_lost(*row, *reference_) <= kTolerablePoints;
      const bool best_fine = points_lost(*best, *reference_) <= kTolerablePoints;
      if (fine != best_fine ? fine
          : fine            ? joules(*row) < joules(*best)
                            : points_lost(*row, *reference_) < points_lost(*best, *reference_)) {
        best = row;
      }
    }
    if (best == nullptr) return;
    const auto& c = best->configuration;
    const std::string text =
        fmt::format("Leaving at layer {} of {} {}{}", c.exit_layer, c.n_layers,
                    energy_change(*best, *reference_), accuracy_change(*best, *reference_));
    if (findings.headline.empty() && energy_resolved(*best, *reference_)) {
      findings.headline = fmt::format(
          "Leaving at layer {} {}{}.", c.exit_layer, energy_change(*best, *reference_),
          !best->accuracy || !reference_->accuracy ? ""
          : points_lost(*best, *reference_) >= 0.05
              ? fmt::format(" and costs {:.1f} points of accuracy", points_lost(*best, *reference_))
              : " and costs no accuracy");
    }
    findings.items.push_back({minus_percent(*best, *reference_),
                              fmt::format("{}, in {}{}.", text, c.precision, context_)});
  }

  void precision(Findings& findings) {
    const SummaryRow* best = nullptr;
    for (const auto* row : rows_) {
      if (!can_compare(*row) || depth(*row) != depth(*reference_)) continue;
      if (row->configuration.precision == reference_->configuration.precision) continue;
      if (best == nullptr || joules(*row) < joules(*best)) best = row;
    }
    if (best == nullptr) return;
    findings.items.push_back(
        {minus_percent(*best, *reference_),
         fmt::format("{} instead of {}, at {}, {}{}{}.", best->configuration.precision,
                     reference_->configuration.precision,
                     is_full(*best) ? "full depth" : fmt::format("layer {}", depth(*best)),
                     energy_change(*best, *reference_), accuracy_change(*best, *reference_),
                     context_)});
    if (findings.headline.empty() && energy_resolved(*best, *reference_)) {
      findings.headline =
          fmt::format("{} instead of {} {}.", best->configuration.precision,
                      reference_->configuration.precision, energy_change(*best, *reference_));
    }
  }

  void cheapest(Findings& findings) {
    const SummaryRow* best = nullptr;
    double best_accuracy = 0.0;
    for (const auto* row : rows_)
      best_accuracy = std::max(best_accuracy, row->accuracy.value_or(0));
    for (const auto* row : rows_) {
      if (!has_energy(*row) || !comparable(*row, *reference_)) continue;
      if (row->accuracy && best_accuracy - *row->accuracy > 0.02) continue;
      if (best == nullptr || joules(*row) < joules(*best)) best = row;
    }
    if (best == nullptr) return;
    const std::string condition = best->accuracy
                                      ? "The cheapest token within 2 points of the best accuracy"
                                      : "The cheapest token";
    findings.items.push_back({format_joules(joules(*best)),
                              fmt::format("{} comes from {}, at {} tokens a second{}.", condition,
                                          short_label(best->configuration),
                                          format_rate(best->output_tokens_per_s), context_)});
    if (findings.headline.empty()) {
      findings.headline =
          fmt::format("The cheapest token costs {}, with {}.", format_joules(joules(*best)),
                      short_label(best->configuration));
    }
  }

  void latency(Findings& findings) {
    const SummaryRow* fastest = nullptr;
    const SummaryRow* slowest = nullptr;
    for (const auto* row : rows_) {
      if (!row->ttft_ms) continue;
      if (fastest == nullptr || row->ttft_ms->p50 < fastest->ttft_ms->p50) fastest = row;
      if (slowest == nullptr || row->ttft_ms->p50 > slowest->ttft_ms->p50) slowest = row;
    }
    if (fastest == nullptr) return;
    std::string text =
        fmt::format("The first token comes after {} with {}", format_ms(fastest->ttft_ms->p50),
                    short_label(fastest->configuration));
    if (slowest != fastest) {
      text += fmt::format(", after {} with {}", format_ms(slowest->ttft_ms->p50),
                          short_label(slowest->configuration));
    }
    findings.items.push_back(
        {format_ms(fastest->ttft_ms->p50), text + " (medians)" + context_ + "."});
    if (findings.headline.empty()) {
      findings.headline =
          fmt::format("The first token comes after {}, with {}.", format_ms(fastest->ttft_ms->p50),
                      short_label(fastest->configuration));
    }
  }

  const Rows& rows_;
  const SummaryRow* reference_ = nullptr;
  std::string context_;
};

// The load average before the run where it was more than half a core.
std::optional<double> busy_cores(const SessionInfo& session) {
  constexpr double kBusy = 0.5;
  if (!session.machine.is_object() || !session.machine.contains("load_average")) return {};
  const Json& text = session.machine["load_average"];
  if (!text.is_string()) return {};
  const double load = std::strtod(text.get_ref<const std::string&>().c_str(), nullptr);
  return load > kBusy ? std::optional(load) : std::nullopt;
}

void add_cautions(const Results& results, const Summary& summary, Findings& findings) {
  std::set<std::string> kinds;
  std::set<std::string> scopes;
  bool without_energy = false;
  std::size_t fewest_trials = SIZE_MAX;
  for (const auto& row : summary.rows) {
    fewest_trials = std::min(fewest_trials, row.n_trials);
    if (!row.energy_source) without_energy = true;
    if (!row.energy_source) continue;
    kinds.insert(row.energy_source->kind);
    scopes.insert(row.energy_source->scope);
  }
  if (kinds.contains("model")) {
    findings.cautions.emplace_back(
        "The joules here are modelled, not measured: no power sensor of this machine was read. "
        "They "
        "follow computing time; compare configurations with them, but do not quote them as this "
        "machine's consumption.");
  }
  if (scopes.size() > 1 || kinds.size() > 1) {
    findings.cautions.emplace_back(
        "Energies of different sensors or scopes occur; they are never compared with each other.");
  }
  if (without_energy) {
    findings.cautions.emplace_back("Some configurations have no energy: see their flags.");
  }
  if (fewest_trials < 10 && !summary.rows.empty()) {
    findings.cautions.push_back(fmt::format(
        "{} trial{} of each configuration: good for a first look. For figures to publish use 10 or "
        "more, and blocks of at least 5 s.",
        fewest_trials, fewest_trials == 1 ? "" : "s"));
  }
  for (const auto& session : results.sessions) {
    const auto load = busy_cores(session);
    if (load) {
      findings.cautions.push_back(
          fmt::format("The machine was busy before the run (load {:.1f}): times are longer and "
                      "scatter more than on an idle machine, and so do joules.",
                      *load));
    }
    const auto drift = idle_drift(session);
    if (drift && *drift > kIdleDriftLimit) {
      findings.cautions.push_back(
          fmt::format("Idle power drifted by {:.1f} % during the run (limit {:.0f} %): something "
                      "else was using the machine, or it warmed up. Net figures suffer most.",
                      *drift * 100.0, kIdleDriftLimit * 100.0));
    }
  }
}

}  // namespace

Findings find_out(const Results& results, const Summary& summary) {
  Findings findings;
  std::vector<std::pair<std::pair<std::string, std::string>, Rows>> groups;
  for (const auto& row : summary.rows) {
    const std::pair key(row.configuration.model, row.configuration.suite);
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& group) { return group.first == key; });
    if (found == groups.end()) found = groups.insert(groups.end(), {key, {}});
    found->second.push_back(&row);
  }
  for (const auto& [key, rows] : groups) Finder(rows, groups.size() > 1).find(findings);
  if (findings.headline.empty()) findings.headline = "No finished answers yet.";
  add_cautions(results, summary, findings);
  return findings;
}

std::vector<std::size_t> pareto_front(const Summary& summary, const std::string& suite) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    const auto& row = summary.rows[i];
    if (row.configuration.suite != suite || !row.accuracy || !has_energy(row)) continue;
    if (!candidates.empty() && !comparable(row, summary.rows[candidates.front()])) continue;
    candidates.push_back(i);
  }
  std::sort(candidates.begin(), candidates.end(), [&](std::size_t a, std::size_t b) {
    const auto& x = summary.rows[a];
    const auto& y = summary.rows[b];
    return joules(x) != joules(y) ? joules(x) < joules(y) : *x.accuracy > *y.accuracy;
  });
  std::vector<std::size_t> front;
  double best = -1.0;
  for (const auto i : candidates) {
    if (*summary.rows[i].accuracy <= best) continue;
    best = *summary.rows[i].accuracy;
    front.push_back(i);
  }
  return front;
}

}  // namespace wattle::lab
