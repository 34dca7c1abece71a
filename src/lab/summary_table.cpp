#include "lab/summary_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text_table.hpp"
#include "lab/format.hpp"

namespace wattle::lab {

std::string summary_table(const Summary& summary) {
  std::vector<std::string> suites;
  for (const auto& row : summary.rows) {
    const auto& suite = row.configuration.suite;
    if (std::find(suites.begin(), suites.end(), suite) == suites.end()) suites.push_back(suite);
  }
  using Align = TextTable::Align;
  std::string text;
  for (const auto& suite : suites) {
    TextTable table({{"model", Align::left},
                     {"precision", Align::left},
                     {"exit layer", Align::right},
                     {"TTFT", Align::right},
                     {"TPOT", Align::right},
                     {"tokens/s", Align::right},
                     {"J/token ± 95 %", Align::right},
                     {"how", Align::left},
                     {"accuracy", Align::right},
                     {"peak memory", Align::right}});
    for (const auto& row : summary.rows) {
      if (row.configuration.suite != suite) continue;
      table.add_row({row.configuration.model, row.configuration.precision,
                     exit_layer_label(row.configuration), format_ms(row.ttft_ms),
                     format_ms(row.tpot_ms), format_rate(row.output_tokens_per_s),
                     format_joules(row.energy_per_output_token_j_gross),
                     how_obtained(row.energy_source), format_accuracy(row),
                     format_bytes(row.peak_rss_bytes)});
    }
    if (suites.size() > 1) text += fmt::format("{}suite {}\n", text.empty() ? "" : "\n", suite);
    text += table.render();
  }
  return text;
}

}  // namespace wattle::lab
