// Distributions of TTFT and TPOT, one strip for each configuration: every answer a dot, the middle
// half a box, 5 to 95 % a line, the median a mark with its value.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lab/figures.hpp"
#include "lab/format.hpp"
#include "lab/random.hpp"

namespace wattle::lab {
namespace {

constexpr std::size_t kMostDots = 150;  // for each strip; thinned evenly beyond
constexpr double kRowHeight = 27.0;

using Values = std::map<std::int64_t, std::vector<double>>;  // by configuration

struct Panel {
  std::string title;
  double left, right;  // fractions of the picture
  const std::optional<Distribution> SummaryRow::* distribution;
  Values values;
};

std::string panel_script(const Panel& panel, const std::vector<const SummaryRow*>& rows,
                         const Summary& summary, bool with_names) {
  double longest = 0.0;
  for (const auto* row : rows) {
    if (const auto& d = row->*panel.distribution) longest = std::max(longest, d->p95);
  }
  if (longest <= 0.0) longest = 1.0;
  const double limit = longest * 1.22;
  std::string script = fmt::format(
      "set lmargin at screen {}\nset rmargin at screen {}\nunset label\n"
      "set xrange [0:{:.9g}]\n"
      "set label {} at graph 0,first 1.05 left tc rgb '#112233' font 'sans-serif:Bold,13'\n",
      panel.left, panel.right, limit, gnuplot_quote(panel.title));
  std::string plot;
  SplitMix64 random(7);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = *rows[i];
    const double y = -static_cast<double>(i);
    const std::string colour = colour_of(summary, row.configuration.precision);
    if (with_names) {
      script += fmt::format(
          "set label {} at screen {},first {:.9g} right tc rgb '#112233' font "
          "'sans-serif,12'\n",
          gnuplot_quote(short_label(row.configuration)), panel.left - 0.012, y);
    }
    const auto& d = row.*panel.distribution;
    if (!d) continue;
    script += fmt::format(
        "set label {} at {:.9g},{:.9g} left offset 0.8,0 tc rgb '{}' font 'sans-serif:Bold,12'\n",
        gnuplot_quote(format_ms(d->p50)), d->p95, y, colour);
    const std::string name = fmt::format("s{}_{}", with_names ? 0 : 1, i);
    script += fmt::format("${} << EOD\n", name);
    const auto found = panel.values.find(row.configuration.id);
    if (found != panel.values.end()) {
      const auto& all = found->second;
      const std::size_t step = all.size() / kMostDots + 1;
      for (std::size_t k = 0; k < all.size(); k += step) {
        const double jitter = static_cast<double>(random.below(1000)) / 1000.0 - 0.5;
        script += fmt::format("{:.6g} {:.4f}\n", std::min(all[k], limit), y + 0.5 * jitter);
      }
    }
    script += "EOD\n";
    script += fmt::format("${}b << EOD\n{:.9g} {:.9g} {:.9g} {:.9g} {:.9g} {:.4f}\nEOD\n", name,
                          d->p5, d->p25, d->p50, d->p75, d->p95, y);
    plot += fmt::format(
        "${0} using 1:2 with points pt 7 ps 0.22 lc rgb '#a8{1}', "
        "${0}b using 1:6:($5-$1):(0) with vectors nohead lw 1.2 lc rgb '{2}', "
        "${0}b using 3:6:2:4:($6-0.26):($6+0.26) with boxxyerror lc rgb '{2}' fs transparent solid "
        "0.3 "
        "border lc rgb '{2}', "
        "'{2}', "
        "${0}b using 3:($6-0.36):(0):(0.72) with vectors nohead lw 2.5 lc rgb '{2}', ",
        name, colour.substr(1), colour);
  }
  if (plot.empty()) return {};
  plot.resize(plot.size() - 2);
  return script + "plot " + plot + "\n";
}

}  // namespace

std::vector<FigureScript> latency_scripts(const Results& results, const Summary& summary) {
  Values ttft_ms;
  Values tpot_ms;
  for (const auto& stored : results.records) {
    if (stored.record.warmup || left_out_of_aggregates(stored.record.flags)) continue;
    if (stored.record.ttft_ms) ttft_ms[stored.configuration_id].push_back(*stored.record.ttft_ms);
    if (stored.record.tpot_ms) tpot_ms[stored.configuration_id].push_back(*stored.record.tpot_ms);
  }
  std::vector<FigureScript> scripts;
  const auto suites = suites_of(summary);
  for (const auto& suite : suites) {
    std::vector<const SummaryRow*> rows;
    for (const auto& row : summary.rows) {
      if (row.configuration.suite == suite && row.ttft_ms) rows.push_back(&row);
    }
    if (rows.empty()) continue;
    Frame frame;
    frame.height = 76.0 + kRowHeight * static_cast<double>(rows.size());
    frame.bottom = 38.0 / frame.height;
    frame.top = 1.0 - 4.0 / frame.height;
    std::string script = preamble(frame);
    script += fmt::format(
        "set multiplot\nset border 1\nset grid noytics\nunset ytics\nset yrange [{}:1.6]\n",
        0.4 - static_cast<double>(rows.size()));
    script += panel_script({"time to first token, ms", 0.17, 0.56, &SummaryRow::ttft_ms, ttft_ms},
                           rows, summary, true);
    script +=
        panel_script({"time per output token, ms", 0.60, 0.985, &SummaryRow::tpot_ms, tpot_ms},
                     rows, summary, false);
    script += "unset multiplot\n";
    FigureScript figure;
    figure.id = fmt::format("latency{}", scripts.size() + 1);
    figure.title = "How long one waits";
    if (suites.size() > 1) figure.title += ": " + suite;
    figure.caption =
        "Time to first token and time per output token. A dot is an answer, the box holds the "
        "middle "
        "half of them, the line 5 to 95 %; the number is the median.";
    figure.script = script;
    scripts.push_back(std::move(figure));
  }
  return scripts;
}

}  // namespace wattle::lab
