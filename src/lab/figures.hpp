#pragma once
// The figures of the report as SVG, drawn by a Renderer (gnuplot.hpp). Scripts are made here and
// nowhere else; each figure is one file: figure_trade.cpp, figure_latency.cpp, figure_power.cpp.

#include <optional>
#include <string>
#include <vector>

#include "lab/gnuplot.hpp"
#include "lab/results.hpp"
#include "lab/summary.hpp"

namespace wattle::lab {

struct Figure {
  std::string id;  // "trade", "latency", "power"
  std::string title;
  std::string caption;
  std::string svg;      // an <svg> element to stand in a page; empty if it could not be drawn
  std::string problem;  // why not
};

// Figures that have data; those that could not be drawn carry the problem.
[[nodiscard]] std::vector<Figure> draw_figures(const Results& results, const Summary& summary,
                                               const Renderer& renderer);

// A figure as gnuplot text, before it is drawn.
struct FigureScript {
  std::string id, title, caption, script;
};
// One for each suite: accuracy (or speed, where nothing is judged) against energy per token.
[[nodiscard]] std::vector<FigureScript> trade_scripts(const Summary& summary);
[[nodiscard]] std::vector<FigureScript> latency_scripts(const Results& results,
                                                        const Summary& summary);
[[nodiscard]] std::optional<FigureScript> power_script(const Results& results,
                                                       const Summary& summary);

// Shared by the figures: terminal, fonts, axes. `margins` are fractions of the picture.
struct Frame {
  double width = 880, height = 460;  // pixels
  double left = 0.09, right = 0.97, bottom = 0.14, top = 0.95;
};
[[nodiscard]] std::string preamble(const Frame& frame);
// "#3b5bdb": one colour for each precision, in the order of the summary.
[[nodiscard]] std::string colour_of(const Summary& summary, const std::string& precision);
[[nodiscard]] std::vector<std::string> suites_of(const Summary& summary);
[[nodiscard]] std::vector<std::string> precisions_of(const Summary& summary);

// The <svg> element of a document by gnuplot, made fit for a page: ids get a prefix, the ink and
// grid colours become CSS variables, nothing that runs or loads is let through.
[[nodiscard]] Result<std::string> embed_svg(const std::string& document, const std::string& id);

}  // namespace wattle::lab
