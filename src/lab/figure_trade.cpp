// Accuracy against energy per token: one line for each precision, one point for each exit layer,
// the Pareto front beneath and its points named.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/text_table.hpp"
#include "lab/figures.hpp"
#include "lab/findings.hpp"
#include "lab/format.hpp"

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
  std::string title;
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
  return Axis{std::max(floor, low - 0.06 * span), high + 0.08 * span, {}};
}

// Where a label may stand without covering a point or another label, tried in turn.
class LabelPlacer {
 public:
  LabelPlacer(const Frame& frame, const Axis& x, const Axis& y) : frame_(frame), x_(x), y_(y) {}

  void block(const Point& point) {
    const auto [px, py] = pixel(point);
    boxes_.push_back({px - 7, py - 7, px + 7, py + 7});
  }

  // A gnuplot `set label` command.
  std::string place(const Point& point, const std::string& text, const std::string& colour,
                    bool strong) {
    struct Offset {
      double dx, dy;
      int align;  // −1 right-aligned, 0 centred, 1 left-aligned
    };
    // The free side of a point on the front is above and to the left, of any other below and to
    // the right.
    constexpr Offset kFrontOffsets[] = {{-9, 11, -1}, {-12, 0, -1}, {0, 17, 0},    {-9, 26, -1},
                                        {0, 31, 0},   {10, 12, 1},  {-24, 24, -1}, {-12, -13, -1},
                                        {12, 0, 1},   {11, -13, 1}, {0, -17, 0},   {24, -26, 1}};
    constexpr Offset kOtherOffsets[] = {{10, -11, 1}, {12, 0, 1},    {0, -17, 0}, {-10, -11, -1},
                                        {10, 12, 1},  {-12, 0, -1},  {0, 17, 0},  {20, -24, 1},
                                        {0, -30, 0},  {-10, 12, -1}, {24, 24, 1}, {-24, -24, -1}};
    const std::span<const Offset> offsets =
        strong ? std::span<const Offset>(kFrontOffsets) : std::span<const Offset>(kOtherOffsets);
    const auto [px, py] = pixel(point);
    const double width = 7.2 * static_cast<double>(display_width(text));
    const Offset* chosen = nullptr;
    Box box{};
    for (const auto& offset : offsets) {
      const double cx = px + offset.dx;
      const double left = offset.align > 0 ? cx : offset.align < 0 ? cx - width : cx - width / 2;
      box = {left, py + offset.dy - 8, left + width, py + offset.dy + 8};
      if (!fits(box)) continue;
      chosen = &offset;
      break;
    }
    if (chosen == nullptr) return {};  // better no label than one on top of another
    boxes_.push_back(box);
    return fmt::format(
        "set label {} at {:.9g},{:.9g} {} offset {:.3f},{:.3f} tc rgb '{}' font '{}'\n",
        gnuplot_quote(text), point.x, point.y,
        chosen->align > 0   ? "left"
        : chosen->align < 0 ? "right"
                            : "center",
        chosen->dx / kCharWidth, chosen->dy / kCharHeight, colour,
        strong ? "sans-serif:Bold,13" : "sans-serif,12");
  }

 private:
  struct Box {
    double left, bottom, right, top;
  };
  static constexpr double kCharWidth = 7.8;    // of gnuplot's SVG terminal at 13 px
  static constexpr double kCharHeight = 13.0;  //

  std::pair<double, double> pixel(const Point& point) const {
    const double across = (point.x - x_.low) / (x_.high - x_.low);
    const double up = (point.y - y_.low) / (y_.high - y_.low);
    return {frame_.width * (frame_.left + across * (frame_.right - frame_.left)),
            frame_.height * (frame_.bottom + up * (frame_.top - frame_.bottom))};
  }

  bool fits(const Box& box) const {
    const bool inside = box.left > frame_.width * frame_.left && box.right < frame_.width * 0.995 &&
                        box.bottom > frame_.height * frame_.bottom && box.top < frame_.height;
    return inside && std::none_of(boxes_.begin(), boxes_.end(), [&](const Box& other) {
             return box.left < other.right && other.left < box.right && box.bottom < other.top &&
                    other.bottom < box.top;
           });
  }

  const Frame& frame_;
  const Axis& x_;
  const Axis& y_;
  std::vector<Box> boxes_;
};

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

std::optional<FigureScript> trade_script(const Summary& summary, const std::string& suite,
                                         bool several_suites) {
  const bool judged = std::any_of(
      summary.rows.begin(), summary.rows.end(),
      [&](const SummaryRow& row) { return row.configuration.suite == suite && row.accuracy; });
  auto points = points_of(summary, suite, judged);
  if (points.empty()) return std::nullopt;
  std::string unit;
  const double scale = scale_of(points, unit);
  for (auto& point : points) {
    point.x *= scale;
    point.x_range = {point.x_range.low * scale, point.x_range.high * scale};
  }
  const Frame frame;
  const Axis x = axis_around(points, &Point::x, &Point::x_range, 0.0);
  Axis y = axis_around(points, &Point::y, &Point::y_range, -3.0);
  const bool modelled = points.front().row->energy_source->kind == "model";

  std::string script = preamble(frame);
  script += fmt::format(
      "set xrange [{:.9g}:{:.9g}]\nset yrange [{:.9g}:{:.9g}]\n"
      "set xlabel {} tc rgb '#112233'\nset ylabel {} tc rgb '#112233'\n",
      x.low, x.high, y.low, y.high,
      gnuplot_quote(
          fmt::format("energy per output token, {}{}", unit, modelled ? " (modelled)" : "")),
      gnuplot_quote(judged ? "accuracy, %" : "output tokens per second"));
  if (judged) script += "set ytics format '%g'\n";

  std::vector<Point> front;
  for (const auto& point : points) {
    if (point.on_front) front.push_back(point);
  }
  std::sort(front.begin(), front.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  std::string data;
  std::string plot;
  const auto add_block = [&](const std::string& name, const auto& list) {
    data += fmt::format("${} << EOD\n", name);
    for (const auto& point : list) {
      data += fmt::format("{:.9g} {:.9g} {:.9g} {:.9g} {:.9g} {:.9g} {}\n", point.x, point.y,
                          point.x_range.low, point.x_range.high, point.y_range.low,
                          point.y_range.high, point.on_front ? 1 : 0);
    }
    data += "EOD\n";
  };
  if (!front.empty()) {
    add_block("front", front);
    plot += "$front using 1:2 with fsteps lw 1.2 dashtype 3 lc rgb '#112233', ";
  }
  LabelPlacer labels(frame, x, y);
  for (const auto& point : points) labels.block(point);
  std::string label_commands;
  const auto precisions = precisions_of(summary);
  for (std::size_t p = 0; p < precisions.size(); ++p) {
    std::vector<Point> line;
    for (const auto& point : points) {
      if (point.row->configuration.precision == precisions[p]) line.push_back(point);
    }
    if (line.empty()) continue;
    std::stable_sort(line.begin(), line.end(), [](const Point& a, const Point& b) {
      return std::pair(a.row->configuration.model, depth(a)) <
             std::pair(b.row->configuration.model, depth(b));
    });
    const std::string colour = colour_of(summary, precisions[p]);
    const std::string block = fmt::format("p{}", p);
    add_block(block, line);
    plot += fmt::format(
        "${0} using 1:2:3:4:5:6 with xyerrorbars pt 0 lw 1 lc rgb '#a0{1}', "
        "${0} using 1:2 with lines lw 2 lc rgb '{2}', "
        "${0} using 1:($7>0?$2:NaN) with points pt 7 ps 0.95 lc rgb '{2}', "
        "${0} using 1:($7>0?NaN:$2) with points pt 7 ps 0.5 lc rgb '{2}', ",
        block, colour.substr(1), colour);
  }
  // The points worth naming get their place first.
  for (const bool on_front : {true, false}) {
    for (const auto& point : points) {
      if (point.on_front != on_front) continue;
      const auto& precision = point.row->configuration.precision;
      const bool name_it = on_front || points.size() == 1;
      label_commands += labels.place(
          point, name_it ? fmt::format("{} · {}", precision, layer_text(point)) : layer_text(point),
          colour_of(summary, precision), name_it);
    }
  }
  plot.resize(plot.size() - 2);
  script += data + label_commands + "plot " + plot + "\n";
  FigureScript figure;
  figure.title = judged ? "What a token costs, and what it is worth"
                        : "What a token costs, and how fast it comes";
  if (several_suites) figure.title += ": " + suite;
  figure.caption =
      judged
          ? "Accuracy against energy per output token. Each line is a precision, each point an "
            "exit layer; bars are 95 % intervals. The large, named points on the dotted stairs are "
            "the Pareto front: nothing else is both cheaper and more accurate."
          : "Speed against energy per output token: each line is a precision, each point an exit "
            "layer; bars are 95 % intervals. This suite has no expected answers, so there is no "
            "accuracy.";
  figure.script = script;
  return figure;
}

}  // namespace

std::vector<FigureScript> trade_scripts(const Summary& summary) {
  std::vector<FigureScript> scripts;
  const auto suites = suites_of(summary);
  for (const auto& suite : suites) {
    if (auto script = trade_script(summary, suite, suites.size() > 1)) {
      script->id = fmt::format("trade{}", scripts.size() + 1);
      scripts.push_back(std::move(*script));
    }
  }
  return scripts;
}

}  // namespace wattle::lab
