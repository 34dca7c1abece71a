#pragma once
// What a batch cost in joules, for `wattle batch`.

#include <functional>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "meter/batch_energy.hpp"
#include "meter/open_energy.hpp"
#include "sense/idle_baseline.hpp"

namespace wattle::cli {

struct BatchCost {
  meter::BatchAccount account;
  std::optional<meter::EnergySource> source;
  std::string note;
  std::optional<sense::IdlePower> idle;
};

// Into the totals: energy_j, energy_steps_j, energy_between_j, …; null where unknown.
void add_energy(Json& totals, const BatchCost& cost, std::uint64_t n_output_tokens);
// One object a request, under the caller's names.
[[nodiscard]] Json request_energies(const meter::BatchAccount& account,
                                    const std::function<Json(std::uint64_t)>& id_of);
// "31.4 J gross, 0.12 J/token (not measured: …)", or why there is no figure.
[[nodiscard]] std::string cost_text(const BatchCost& cost, std::uint64_t n_output_tokens);

}  // namespace wattle::cli
