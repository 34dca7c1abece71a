#include "lab/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace wattle::lab {
namespace {

// Drawn in these colours by gnuplot, replaced by the page's own afterwards.
constexpr std::string_view kInk = "#112233";
constexpr std::string_view kGrid = "#c0c1c2";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// gnuplot writes "#112233" as "rgb( 17,  34,  51)".
void replace_colour(std::string& svg, std::string_view hex, std::string_view to) {
  const auto part = [&](std::size_t at) {
    return std::stoi(std::string(hex.substr(at, 2)), nullptr, 16);
  };
  replace_all(svg, fmt::format("rgb({:3}, {:3}, {:3})", part(1), part(3), part(5)), to);
  replace_all(svg, fmt::format("rgb({},{},{})", part(1), part(3), part(5)), to);  // of text
  replace_all(svg, hex, to);
}

template <class Get>
std::vector<std::string> distinct(const Summary& summary, const Get& get) {
  std::vector<std::string> values;
  for (const auto& row : summary.rows) {
    const std::string& value = get(row.configuration);
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  return values;
}

}  // namespace

std::vector<std::string> suites_of(const Summary& summary) {
  return distinct(summary, [](const Configuration& c) -> const std::string& { return c.suite; });
}

std::vector<std::string> precisions_of(const Summary& summary) {
  return distinct(summary,
                  [](const Configuration& c) -> const std::string& { return c.precision; });
}

std::string colour_of(const Summary& summary, const std::string& precision) {
  constexpr std::array kColours = {"#3f6fd8", "#12a594", "#e8710a",
                                   "#9b51c9", "#c2375a", "#7a869a"};
  const auto all = precisions_of(summary);
  const auto found = std::find(all.begin(), all.end(), precision);
  return kColours[static_cast<std::size_t>(found - all.begin()) % kColours.size()];
}

std::string preamble(const Frame& frame) {
  return fmt::format(
      "set terminal svg size {},{} dynamic rounded noenhanced font 'sans-serif,13' linewidth 1\n"
      "set encoding utf8\n"
      "set lmargin at screen {}\nset rmargin at screen {}\n"
      "set bmargin at screen {}\nset tmargin at screen {}\n"
      "set border 3 linecolor rgb '{ink}' linewidth 0.8\n"
      "set tics nomirror out scale 0.5 textcolor rgb '{ink}'\n"
      "set grid linetype 1 linecolor rgb '{grid}' linewidth 0.5\n"
      "set key off\n",
      frame.width, frame.height, frame.left, frame.right, frame.bottom, frame.top,
      fmt::arg("ink", kInk), fmt::arg("grid", kGrid));
}

Result<std::string> embed_svg(const std::string& document, const std::string& id) {
  const std::size_t begin = document.find("<svg");
  const std::size_t end = document.rfind("</svg>");
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return fail(ErrorCode::internal, "gnuplot gave no SVG document");
  }
  std::string svg = document.substr(begin, end + 6 - begin);
  for (const std::string_view forbidden : {"<script", "<image", "<foreignObject", "onload="}) {
    if (svg.find(forbidden) != std::string::npos) {
      return fail(ErrorCode::internal, fmt::format("the figure contains '{}'", forbidden));
    }
  }
  replace_all(svg, "id=\"", fmt::format("id=\"{}-", id));
  replace_all(svg, "id='", fmt::format("id='{}-", id));
  replace_all(svg, "href='#", fmt::format("href='#{}-", id));
  replace_all(svg, "href=\"#", fmt::format("href=\"#{}-", id));
  replace_all(svg, "url(#", fmt::format("url(#{}-", id));
  replace_colour(svg, kInk, "var(--ink)");
  replace_colour(svg, kGrid, "var(--grid)");
  return svg;
}

std::vector<Figure> draw_figures(const Results& results, const Summary& summary,
                                 const Renderer& renderer) {
  std::vector<FigureScript> scripts = trade_scripts(summary);
  for (auto& script : latency_scripts(results, summary)) scripts.push_back(std::move(script));
  if (auto power = power_script(results, summary)) scripts.push_back(std::move(*power));
  std::vector<Figure> figures;
  for (const auto& script : scripts) {
    Figure figure{script.id, script.title, script.caption, {}, {}};
    const auto document = renderer(script.script);
    const auto svg = document ? embed_svg(*document, script.id)
                              : Result<std::string>(std::unexpected(document.error()));
    if (svg) {
      figure.svg = *svg;
    } else {
      figure.problem = svg.error().message();
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace wattle::lab
