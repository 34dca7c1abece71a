#pragma once
// Which single-board computer this is, from the device tree's "compatible" and "model" (Devicetree
// specification 0.4, 2.3.1 and 2.3.2). Machines without a device tree (PCs) are `unknown`.

#include <string>
#include <string_view>

#include "base/fs_root.hpp"

namespace wattle {

enum class Board {
  unknown,
  jetson_agx_orin,
  jetson_orin_nx,
  jetson_orin_nano,
  jetson_agx_xavier,
  jetson_xavier_nx,
  jetson_nano,
  jetson_tx2,
  jetson_thor,
  raspberry_pi_4,  // with the 400 and the Compute Module 4
  raspberry_pi_5,  // with the 500 and the Compute Module 5
};
[[nodiscard]] const char* board_name(Board board);  // "Jetson AGX Orin"; "unknown"
[[nodiscard]] bool is_jetson(Board board);

// `compatible` is a list of strings that each end with NUL, most exact first: module numbers
// decide; then the model's text, because carrier boards of other makers bring their own numbers.
[[nodiscard]] Board board_of(std::string_view compatible, std::string_view model);
// The same of /proc/device-tree below `root`, or of /sys/firmware/devicetree/base, to which it
// points.
[[nodiscard]] Board board_of(const FsRoot& root);
// "NVIDIA Jetson AGX Orin Developer Kit"; empty without a device tree.
[[nodiscard]] std::string board_model(const FsRoot& root);
// What stands in the model of a tree that no hardware is behind (`wattle virtual-device`): what its
// sensors say is computed, not measured.
inline constexpr std::string_view kSimulatedBoard = "(simulated by wattle)";
[[nodiscard]] bool is_simulated_board(const FsRoot& root);

}  // namespace wattle
