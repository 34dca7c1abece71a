#include "lab/label_placer.hpp"

#include <gtest/gtest.h>

namespace wattle::lab {
namespace {

using Side = LabelPlacer::Side;

TEST(LabelPlacer, TakesTheFreeSideAndNeverTheSamePlaceTwice) {
  LabelPlacer placer({0, 0, 400, 300});
  const Pixel point{200, 150};
  placer.block_point(point);
  const auto first = placer.place(point, 4, Side::above);
  ASSERT_TRUE(first);
  EXPECT_LT(first->dx, 0);
  EXPECT_GT(first->dy, 0);
  const auto second = placer.place(point, 4, Side::above);
  ASSERT_TRUE(second);
  EXPECT_FALSE(first->dx == second->dx && first->dy == second->dy);
}

TEST(LabelPlacer, StaysInThePictureAndClearOfLines) {
  LabelPlacer placer({0, 0, 400, 300});
  const auto at_edge = placer.place({5, 150}, 4, Side::above);
  ASSERT_TRUE(at_edge);
  EXPECT_GT(at_edge->dx + 5, 0);
  placer.block_line({0, 260}, {200, 260});  // runs where the label above would be
  const auto below_line = placer.place({200, 250}, 4, Side::above);
  ASSERT_TRUE(below_line);
  EXPECT_FALSE(below_line->dx == -9 && below_line->dy == 11);
}

TEST(LabelPlacer, WithoutRoomThereIsNoLabel) {
  LabelPlacer placer({0, 0, 30, 30});
  EXPECT_FALSE(placer.place({15, 15}, 10, Side::above));
}

}  // namespace
}  // namespace wattle::lab
