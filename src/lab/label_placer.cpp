#include "lab/label_placer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace wattle::lab {
namespace {

using Box = LabelPlacer::Box;
using Place = LabelPlacer::Place;

constexpr double kCharacterWidth = 8.0;  // of a wide font at 13 pixels
constexpr double kHalfHeight = 8.0;
constexpr double kPointRadius = 7.0;

// Above and to the left first: the free side of a point on a front of high and cheap ones.
constexpr std::array<Place, 12> kAbove = {{{-9, 11, -1},
                                           {-12, 0, -1},
                                           {0, 17, 0},
                                           {-9, 26, -1},
                                           {0, 31, 0},
                                           {10, 12, 1},
                                           {-24, 24, -1},
                                           {-12, -13, -1},
                                           {12, 0, 1},
                                           {11, -13, 1},
                                           {0, -17, 0},
                                           {24, -26, 1}}};
// Below and to the right first.
constexpr std::array<Place, 12> kBelow = {{{10, -11, 1},
                                           {12, 0, 1},
                                           {0, -17, 0},
                                           {-10, -11, -1},
                                           {10, 12, 1},
                                           {-12, 0, -1},
                                           {0, 17, 0},
                                           {20, -24, 1},
                                           {0, -30, 0},
                                           {-10, 12, -1},
                                           {24, 24, 1},
                                           {-24, -24, -1}}};

bool touches(const std::vector<Box>& boxes, const Box& box) {
  return std::any_of(boxes.begin(), boxes.end(), [&](const Box& other) {
    return box.left < other.right && other.left < box.right && box.bottom < other.top &&
           other.bottom < box.top;
  });
}

Box around(const Pixel& point, double radius) {
  return {point.x - radius, point.y - radius, point.x + radius, point.y + radius};
}

Box box_at(const Pixel& point, const Place& place, double width) {
  const double anchor = point.x + place.dx;
  const double left = place.align > 0   ? anchor
                      : place.align < 0 ? anchor - width
                                        : anchor - width / 2;
  return {left, point.y + place.dy - kHalfHeight, left + width, point.y + place.dy + kHalfHeight};
}

}  // namespace

void LabelPlacer::block_point(const Pixel& point) {
  taken_.push_back(around(point, kPointRadius));
}

void LabelPlacer::block_line(const Pixel& from, const Pixel& to) {
  const int n = 1 + static_cast<int>(std::hypot(to.x - from.x, to.y - from.y) / 6.0);
  for (int i = 0; i <= n; ++i) {
    lines_.push_back(
        around({from.x + (to.x - from.x) * i / n, from.y + (to.y - from.y) * i / n}, 2.0));
  }
}

std::optional<Place> LabelPlacer::place(const Pixel& point, std::size_t n_characters, Side side) {
  const std::span<const Place> places = side == Side::above ? kAbove : kBelow;
  const double width = kCharacterWidth * static_cast<double>(n_characters);
  for (const bool clear_of_lines : {true, false}) {
    for (const auto& place : places) {
      const Box box = box_at(point, place, width);
      const bool inside = box.left > picture_.left && box.right < picture_.right &&
                          box.bottom > picture_.bottom && box.top < picture_.top;
      if (!inside || touches(taken_, box) || (clear_of_lines && touches(lines_, box))) continue;
      taken_.push_back(box);
      return place;
    }
  }
  return std::nullopt;
}

}  // namespace wattle::lab
