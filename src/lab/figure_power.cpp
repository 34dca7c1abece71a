// Power over time, blocks shaded in the colour of their precision and marked with the exit layer.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lab/figures.hpp"

namespace wattle::lab {
namespace {

constexpr double kGapS = 2.0;               // between sessions on the time axis
constexpr std::size_t kMostBlocks = 600;    // shaded; more would be a grey wall
constexpr double kLeastLabelPixels = 15.0;  // a block narrower than this has no number

// Sessions one after the other: where each begins on the time axis.
std::map<std::int64_t, double> session_starts(const Results& results, double& end_s) {
  std::map<std::int64_t, double> length;
  for (const auto& point : results.power) {
    length[point.session_id] = std::max(length[point.session_id], point.t_s);
  }
  for (const auto& block : results.blocks) {
    if (!length.contains(block.session_id)) continue;
    length[block.session_id] = std::max(length[block.session_id], block.started_s + block.seconds);
  }
  std::map<std::int64_t, double> starts;
  double at = 0.0;
  for (const auto& [id, seconds] : length) {
    starts[id] = at;
    at += seconds + kGapS;
  }
  end_s = at - kGapS;
  return starts;
}

}  // namespace

std::optional<FigureScript> power_script(const Results& results, const Summary& summary) {
  if (results.power.size() < 2) return std::nullopt;
  double end_s = 0.0;
  const auto starts = session_starts(results, end_s);
  double peak_w = 0.0;
  for (const auto& point : results.power) peak_w = std::max(peak_w, point.power_w);
  Frame frame;
  frame.height = 330;
  frame.bottom = 0.18;
  frame.top = 0.97;
  frame.left = 0.07;
  frame.right = 0.985;
  const double top_w = peak_w > 0.0 ? peak_w * 1.18 : 1.0;
  const double pixels_per_s = frame.width * (frame.right - frame.left) / std::max(end_s, 1e-9);
  std::string script = preamble(frame);
  script += fmt::format(
      "set xrange [0:{:.9g}]\nset yrange [0:{:.9g}]\nset grid noxtics\n"
      "set xlabel 'seconds' tc rgb '#112233'\nset ylabel {} tc rgb '#112233'\n",
      end_s, top_w,
      gnuplot_quote(std::any_of(summary.rows.begin(), summary.rows.end(),
                                [](const SummaryRow& row) {
                                  return row.energy_source && row.energy_source->kind == "model";
                                })
                        ? "power, W (modelled)"
                        : "power, W"));
  std::map<std::int64_t, const Configuration*> configurations;
  for (const auto& c : results.configurations) configurations[c.id] = &c;
  std::size_t n_shaded = 0;
  for (const auto& block : results.blocks) {
    const auto start = starts.find(block.session_id);
    const auto found = configurations.find(block.configuration_id);
    if (start == starts.end() || found == configurations.end() || !block.closed) continue;
    if (++n_shaded > kMostBlocks) break;
    const auto& c = *found->second;
    const std::string colour = colour_of(summary, c.precision);
    const double from = start->second + block.started_s;
    const double to = from + block.seconds;
    script += fmt::format(
        "set object rectangle from first {:.9g},graph 0 to first {:.9g},graph 1 behind "
        "fillcolor rgb '{}' fillstyle solid 0.16 noborder\n",
        from, to, colour);
    if (block.seconds * pixels_per_s < kLeastLabelPixels) continue;
    script += fmt::format(
        "set label '{}' at first {:.9g},graph 0.95 center tc rgb '{}' font 'sans-serif:Bold,10'\n",
        c.exit_layer == 0 ? c.n_layers : c.exit_layer, 0.5 * (from + to), colour);
  }
  for (const auto& session : results.sessions) {
    const auto start = starts.find(session.id);
    if (start == starts.end() || !session.idle_before) continue;
    script += fmt::format(
        "set arrow from graph 0,first {0:.9g} to graph 1,first {0:.9g} nohead dashtype 2 lw 1 lc "
        "rgb "
        "'#112233'\n"
        "set label 'idle {0:.1f} W' at graph 0.005,first {0:.9g} left offset 0,0.6 tc rgb "
        "'#112233' font 'sans-serif,11'\n",
        session.idle_before->power_w);
    break;  // one line; the others are in the table of sessions
  }
  script += "$power << EOD\n";
  std::int64_t last_session = 0;
  double last_s = -1.0;
  for (const auto& point : results.power) {
    const auto start = starts.find(point.session_id);
    const double t_s = start->second + point.t_s;
    // A break in the line where nothing was recorded.
    if (last_session != 0 && (point.session_id != last_session || t_s - last_s > 2.0)) {
      script += "\n";
    }
    last_session = point.session_id;
    last_s = t_s;
    script += fmt::format("{:.6g} {:.6g}\n", t_s, point.power_w);
  }
  script += "EOD\nplot $power using 1:2 with lines lw 1.1 lc rgb '#112233'\n";
  FigureScript figure;
  figure.id = "power";
  figure.title = "Power over time";
  figure.caption =
      "The shaded stretches are the measured blocks, in the colour of their precision; the number "
      "is the exit layer. Between them models are loaded and warmed up. Configurations take turns "
      "in a shuffled order, so that a drift of the machine cannot favour one of them.";
  figure.script = script;
  return figure;
}

}  // namespace wattle::lab
