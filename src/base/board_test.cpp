#include "base/board.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"

namespace wattle {
namespace {

using namespace std::string_view_literals;

TEST(Board, IsKnownByItsModuleNumber) {
  EXPECT_EQ(board_of("nvidia,p3737-0000+p3701-0000\0nvidia,p3701-0000\0nvidia,tegra234\0"sv, ""),
            Board::jetson_agx_orin);
  EXPECT_EQ(board_of("nvidia,p3768-0000+p3767-0000\0nvidia,tegra234\0"sv, ""),
            Board::jetson_orin_nx);
  EXPECT_EQ(board_of("nvidia,p3768-0000+p3767-0005-super\0nvidia,tegra234\0"sv, ""),
            Board::jetson_orin_nano);
  EXPECT_EQ(board_of("nvidia,p2972-0000\0nvidia,tegra194\0"sv, ""), Board::jetson_agx_xavier);
  EXPECT_EQ(board_of("nvidia,jetson-xavier\0nvidia,tegra194\0"sv, ""), Board::jetson_agx_xavier);
  EXPECT_EQ(board_of("nvidia,p3509-0000+p3668-0001\0nvidia,tegra194\0"sv, ""),
            Board::jetson_xavier_nx);
  EXPECT_EQ(board_of("nvidia,jetson-nano\0nvidia,tegra210\0"sv, ""), Board::jetson_nano);
  EXPECT_EQ(board_of("nvidia,p2597-0000+p3310-1000\0nvidia,tegra186\0"sv, ""), Board::jetson_tx2);
  EXPECT_EQ(board_of("nvidia,p4071-0000+p3834-0008\0nvidia,tegra264\0"sv, ""), Board::jetson_thor);
  EXPECT_EQ(board_of("raspberrypi,4-model-b\0brcm,bcm2711\0"sv, ""), Board::raspberry_pi_4);
  EXPECT_EQ(board_of("raspberrypi,5-model-b\0brcm,bcm2712\0"sv, ""), Board::raspberry_pi_5);
}

TEST(Board, OnAnotherMakersCarrierByItsModel) {
  EXPECT_EQ(board_of("maker,carrier\0nvidia,tegra234\0"sv, "NVIDIA Jetson Orin NX on Carrier\0"sv),
            Board::jetson_orin_nx);
  EXPECT_EQ(board_of("maker,carrier\0nvidia,tegra194\0"sv, "Jetson-AGX\0"sv),
            Board::jetson_agx_xavier);
  EXPECT_EQ(board_of("nvidia,tegra234\0"sv, "Some box\0"sv), Board::unknown);
}

TEST(Board, IsReadBelowTheRootWithOrWithoutProc) {
  const TestFolder folder;
  const FsRoot root(folder.path());
  EXPECT_EQ(board_of(root), Board::unknown);
  EXPECT_EQ(board_model(root), "");
  folder.write("sys/firmware/devicetree/base/compatible", "brcm,bcm2712\0"sv);
  EXPECT_EQ(board_of(root), Board::raspberry_pi_5);
  folder.write("proc/device-tree/compatible", "nvidia,p3448-0000\0nvidia,tegra210\0"sv);
  folder.write("proc/device-tree/model", "NVIDIA Jetson Nano Developer Kit\0"sv);
  EXPECT_EQ(board_of(root), Board::jetson_nano);
  EXPECT_EQ(board_model(root), "NVIDIA Jetson Nano Developer Kit");
  EXPECT_TRUE(is_jetson(board_of(root)));
}

TEST(Board, GarbageIsNoBoard) {
  const TestFolder folder;
  folder.write("proc/device-tree/compatible", std::string(5000, 'x') + "p3701");
  EXPECT_EQ(board_of(FsRoot(folder.path())), Board::unknown) << "longer than any device tree's";
  EXPECT_STREQ(board_name(Board::unknown), "unknown");
  EXPECT_FALSE(is_jetson(Board::raspberry_pi_4));
}

}  // namespace
}  // namespace wattle
