// Accuracy against energy per token: one line for each precision, one point for each exit layer,
// the Pareto front beneath and its points named.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text_table.hpp"
#include "lab/figures.hpp"
#include "lab/findings.hpp"
#include "lab/label_placer.hpp"

namespace wattle::lab {
namespace {

struct Point {
  const SummaryRow* row = nullptr;
  double x = 0.0, y = 0.0;
  Interval x_range, y_range;
  bool on_front = false;
};

struct Axis {
  double low = 0.0, high = 1.0;
};

double scale_of(const std::vector<Point>& points, std::string& unit) {
  double largest = 0.0;
  for (const auto& point : points) largest = std::max(largest, point.x);
  if (largest >= 1.0) {
    unit = "J";
    return 1.0;
  }
  unit = largest >= 1e-3 ? "mJ" : "µJ";
  return largest >= 1e-3 ? 1e3 : 1e6;
}

// Some air around the points. Intervals widen the axis only so far: that of two wildly different
// trials would leave the points themselves in one spot; it runs out of the picture instead.
Axis axis_around(const std::vector<Point>& points, double Point::* value, Interval Point::* range,
                 double floor) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const auto& point : points) {
    low = std::min(low, point.*value);
    high = std::max(high, point.*value);
  }
  const double span = std::max(high - low, std::abs(high) * 0.1 + 1e-12);
  const double least = low - 0.3 * span;
  const double most = high + 0.3 * span;
  for (const auto& point : points) {
    low = std::min(low, std::max(least, (point.*range).low));
    high = std::max(high, std::min(most, (point.*range).high));
  }
  return Axis{std::max(floor, low - 0.06 * span), high + 0.08 * span};
}

std::vector<Point> points_of(const Summary& summary, const std::string& suite, bool judged) {
  std::vector<Point> points;
  const auto front = pareto_front(summary, suite);
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    const auto& row = summary.rows[i];
    const auto& energy = row.energy_per_output_token_j_gross;
    if (row.configuration.suite != suite || !energy) continue;
    if (judged ? !row.accuracy : !row.output_tokens_per_s) continue;
    Point point{&row, energy->value, 0.0, {}, {}, false};
    point.x_range = energy->ci95.value_or(Interval{point.x, point.x});
    if (judged) {
      point.y = *row.accuracy * 100.0;
      point.y_range = {row.accuracy_ci95->low * 100.0, row.accuracy_ci95->high * 100.0};
    } else {
      point.y = row.output_tokens_per_s->value;
      point.y_range = row.output_tokens_per_s->ci95.value_or(Interval{point.y, point.y});
    }
    point.on_front = std::find(front.begin(), front.end(), i) != front.end();
    points.push_back(point);
  }
  return points;
}

std::uint32_t depth(const Point& point) {
  const auto& c = point.row->configuration;
  return c.exit_layer == 0 ? c.n_layers : c.exit_layer;
}

std::string layer_text(const Point& point) {
  return depth(point) == point.row->configuration.n_layers ? fmt::format("{} (full)", depth(point))
                                                           : fmt::format("{}", depth(point));
}

// One suite's figure while it is put together.
class TradeFigure {
 public:
  TradeFigure(const Summary& summary, std::vector<Point> points, bool judged)
      : summary_(summary), points_(std::move(points)), judged_(judged) {
    const double scale = scale_of(points_, unit_);
    for (auto& point : points_) {
      point.x *= scale;
      point.x_range = {point.x_range.low * scale, point.x_range.high * scale};
    }
    x_ = axis_around(points_, &Point::x, &Point::x_range, 0.0);
    y_ = axis_around(points_, &Point::y, &Point::y_range, -3.0);
  }

  std::string script() {
    add_front();
    for (const auto& precision : precisions_of(summary_)) add_line(precision);
    plot_.resize(plot_.size() - 2);
    return preamble(frame_) + axes() + data_ + labels() + "plot " + plot_ + "\n";
  }

 private:
  [[nodiscard]] std::string axes() const {
    const bool modelled = points_.front().row->energy_source->kind == "model";
    return fmt::format(
        "set xrange [{:.9g}:{:.9g}]\nset yrange [{:.9g}:{:.9g}]\n"
        "set xlabel {} tc rgb '#112233'\nset ylabel {} tc rgb '#112233'\n",
        x_.low, x_.high, y_.low, y_.high,
        gnuplot_quote(
            fmt::format("energy per output token, {}{}", unit_, modelled ? " (modelled)" : "")),
        gnuplot_quote(judged_ ? "accuracy, %" : "output tokens per second"));
  }

  void add_data(const std::string& name, const std::vector<Point>& line) {
    data_ += fmt::format("${} << EOD\n", name);
    for (const auto& point : line) {
      data_ += fmt::format("{:.9g} {:.9g} {:.9g} {:.9g} {:.9g} {:.9g} {}\n", point.x, point.y,
                           point.x_range.low, point.x_range.high, point.y_range.low,
                           point.y_range.high, point.on_front ? 1 : 0);
    }
    data_ += "EOD\n";
  }

  void add_front() {
    std::vector<Point> front;
    for (const auto& point : points_) {
      if (point.on_front) front.push_back(point);
    }
    if (front.empty()) return;
    std::sort(front.begin(), front.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
    add_data("front", front);
    plot_ += "$front using 1:2 with fsteps lw 1.2 dashtype 3 lc rgb '#112233', ";
  }

  // The exit layers of one precision; points on the front are large.
  void add_line(const std::string& precision) {
    std::vector<Point> line;
    for (const auto& point : points_) {
      if (point.row->configuration.precision == precision) line.push_back(point);
    }
    if (line.empty()) return;
    std::stable_sort(line.begin(), line.end(), [](const Point& a, const Point& b) {
      return std::pair(a.row->configuration.model, depth(a)) <
             std::pair(b.row->configuration.model, depth(b));
    });
    for (std::size_t i = 1; i < line.size(); ++i) {
      placer_.block_line(pixel(line[i - 1]), pixel(line[i]));
    }
    const std::string colour = colour_of(summary_, precision);
    const std::string name = fmt::format("line{}", n_lines_++);
    add_data(name, line);
    plot_ += fmt::format(
        "${0} using 1:2:3:4:5:6 with xyerrorbars pt 0 lw 1 lc rgb '#a0{1}', "
        "${0} using 1:2 with lines lw 2 lc rgb '{2}', "
        "${0} using 1:($7>0?$2:NaN) with points pt 7 ps 0.95 lc rgb '{2}', "
        "${0} using 1:($7>0?NaN:$2) with points pt 7 ps 0.5 lc rgb '{2}', ",
        name, colour.substr(1), colour);
  }

  // The points worth naming get their place first.
  std::string labels() {
    for (const auto& point : points_) placer_.block_point(pixel(point));
    std::string commands;
    for (const bool on_front : {true, false}) {
      for (const auto& point : points_) {
        if (point.on_front == on_front) commands += label(point);
      }
    }
    return commands;
  }

  std::string label(const Point& point) {
    const auto& precision = point.row->configuration.precision;
    const bool is_named = point.on_front || points_.size() == 1;
    const std::string text =
        is_named ? fmt::format("{} · {}", precision, layer_text(point)) : layer_text(point);
    const auto place =
        placer_.place(pixel(point), display_width(text),
                      is_named ? LabelPlacer::Side::above : LabelPlacer::Side::below);
    if (!place) return {};  // better no label than one on top of another
    // Offsets are in characters of gnuplot's SVG terminal at 13 pixels.
    return fmt::format(
        "set label {} at {:.9g},{:.9g} {} offset {:.3f},{:.3f} tc rgb '{}' font '{}'\n",
        gnuplot_quote(text), point.x, point.y,
        place->align > 0   ? "left"
        : place->align < 0 ? "right"
                           : "center",
        place->dx / 7.8, place->dy / 13.0, colour_of(summary_, precision),
        is_named ? "sans-serif:Bold,13" : "sans-serif,12");
  }

  [[nodiscard]] Pixel pixel(const Point& point) const {
    const double across = (point.x - x_.low) / (x_.high - x_.low);
    const double up = (point.y - y_.low) / (y_.high - y_.low);
    return {frame_.width * (frame_.left + across * (frame_.right - frame_.left)),
            frame_.height * (frame_.bottom + up * (frame_.top - frame_.bottom))};
  }

  const Summary& summary_;
  std::vector<Point> points_;
  bool judged_;
  Frame frame_;
  std::string unit_;
  Axis x_, y_;
  LabelPlacer placer_{{frame_.width * frame_.left, frame_.height* frame_.bottom,
                       frame_.width * 0.995, frame_.height}};
  std::string data_, plot_;
  int n_lines_ = 0;
};

std::optional<FigureScript> trade_script(const Summary& summary, const std::string& suite) {
  const bool judged = std::any_of(
      summary.rows.begin(), summary.rows.end(),
      [&](const SummaryRow& row) { return row.configuration.suite == suite && row.accuracy; });
  auto points = points_of(summary, suite, judged);
  if (points.empty()) return std::nullopt;
  FigureScript figure;
  figure.title = judged ? "What a token costs, and what it is worth"
                        : "What a token costs, and how fast it comes";
  figure.caption =
      judged
          ? "Accuracy against energy per output token. Each line is a precision, each point an "
            "exit layer; bars are 95 % intervals. The large, named points on the dotted stairs "
            "are the Pareto front: nothing else is both cheaper and more accurate."
          : "Speed against energy per output token: each line is a precision, each point an exit "
            "layer; bars are 95 % intervals. This suite has no expected answers, so there is no "
            "accuracy.";
  figure.script = TradeFigure(summary, std::move(points), judged).script();
  return figure;
}

}  // namespace

std::vector<FigureScript> trade_scripts(const Summary& summary) {
  std::vector<FigureScript> scripts;
  const auto suites = suites_of(summary);
  for (const auto& suite : suites) {
    if (auto script = trade_script(summary, suite)) {
      if (suites.size() > 1) script->title += ": " + suite;
      script->id = fmt::format("trade{}", scripts.size() + 1);
      scripts.push_back(std::move(*script));
    }
  }
  return scripts;
}

}  // namespace wattle::lab
