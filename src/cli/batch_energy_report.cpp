#include "cli/batch_energy_report.hpp"

#include <fmt/format.h>

#include <cmath>

namespace wattle::cli {
namespace {

constexpr double kNanojoules = 1e9;

Json joules(const std::optional<std::int64_t>& nj) {
  return nj ? Json(static_cast<double>(*nj) / kNanojoules) : Json();
}

double gross_j(const BatchCost& cost) {
  return static_cast<double>(cost.account.whole_nj.value_or(0)) / kNanojoules;
}

}  // namespace

void add_energy(Json& totals, const BatchCost& cost, std::uint64_t n_output_tokens) {
  const meter::BatchAccount& account = cost.account;
  totals["energy_source"] = cost.source ? Json{{"sensor", cost.source->sensor},
                                               {"kind", cost.source->kind},
                                               {"scope", cost.source->scope}}
                                        : Json();
  totals["energy_j_gross"] = joules(account.whole_nj);
  totals["energy_steps_j"] = joules(account.steps_nj);
  totals["energy_between_j"] = joules(account.between_nj);
  totals["energy_j_net"] = Json();
  totals["energy_per_output_token_j_gross"] = Json();
  if (account.whole_nj) {
    totals["energy_uncertainty_j"] = std::hypot(account.boundary_j, account.sensor_j);
    if (cost.idle) totals["energy_j_net"] = gross_j(cost) - cost.idle->power_w * account.seconds;
    if (n_output_tokens > 0) {
      totals["energy_per_output_token_j_gross"] =
          gross_j(cost) / static_cast<double>(n_output_tokens);
    }
  }
  totals["avg_power_w"] = account.avg_power_w ? Json(*account.avg_power_w) : Json();
  totals["idle_power_w"] = cost.idle ? Json(cost.idle->power_w) : Json();
  const std::string& why = account.problem.empty() ? cost.note : account.problem;
  totals["energy_note"] = why.empty() ? Json() : Json(why);
}

Json request_energies(const meter::BatchAccount& account,
                      const std::function<Json(std::uint64_t)>& id_of) {
  Json requests = Json::array();
  for (const auto& [request, energy] : account.requests) {
    requests.push_back({{"id", id_of(request)},
                        {"n_prefilled_tokens", energy.n_prompt},
                        {"n_decoded_tokens", energy.n_decode},
                        {"held_s", energy.held_s},
                        {"share_s", energy.share_s},
                        {"energy_by_tokens_j", joules(energy.by_tokens_nj())},
                        {"energy_by_time_j", joules(energy.by_time_nj())},
                        {"energy_prefill_by_tokens_j", joules(energy.prefill_by_tokens_nj)},
                        {"energy_decode_by_tokens_j", joules(energy.decode_by_tokens_nj)},
                        {"energy_prefill_by_time_j", joules(energy.prefill_by_time_nj)},
                        {"energy_decode_by_time_j", joules(energy.decode_by_time_nj)}});
  }
  return requests;
}

std::string cost_text(const BatchCost& cost, std::uint64_t n_output_tokens) {
  if (!cost.source) return fmt::format("energy: none ({})", cost.note);
  if (!cost.account.whole_nj) return fmt::format("energy: none ({})", cost.account.problem);
  std::string text = fmt::format("{:.3g} J gross", gross_j(cost));
  if (cost.idle) {
    text +=
        fmt::format(", {:.3g} J net", gross_j(cost) - cost.idle->power_w * cost.account.seconds);
  }
  if (n_output_tokens > 0) {
    text += fmt::format(", {:.3g} J/token", gross_j(cost) / static_cast<double>(n_output_tokens));
  }
  return text + fmt::format(" ({}: {})", cost.source->kind == "model" ? "not measured" : "measured",
                            cost.source->scope);
}

}  // namespace wattle::cli
