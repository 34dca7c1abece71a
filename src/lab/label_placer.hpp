#pragma once
// Finds room for labels beside the points of a figure.

#include <cstddef>
#include <optional>
#include <vector>

namespace wattle::lab {

// From the lower left corner of the picture.
struct Pixel {
  double x = 0.0, y = 0.0;
};

class LabelPlacer {
 public:
  struct Box {
    double left, bottom, right, top;
  };
  // A label's anchor relative to its point; align −1: its right end, 0: its middle, 1: its left
  // end.
  struct Place {
    double dx, dy;
    int align;
  };
  enum class Side { above, below };  // where to look first

  explicit LabelPlacer(const Box& picture) : picture_(picture) {}

  void block_point(const Pixel& point);
  void block_line(const Pixel& from, const Pixel& to);

  // Clear of points, of other labels and, if possible, of lines; empty where there is no room.
  // The place is taken from then on.
  std::optional<Place> place(const Pixel& point, std::size_t n_characters, Side side);

 private:
  Box picture_;
  std::vector<Box> taken_;  // points and labels
  std::vector<Box> lines_;
};

}  // namespace wattle::lab
