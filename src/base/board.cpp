#include "base/board.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace wattle {
namespace {

constexpr std::array kFolders{"/proc/device-tree", "/sys/firmware/devicetree/base"};

struct Mark {
  std::string_view text;
  Board board;
};

// Parts of "compatible": NVIDIA's module numbers (p3767 is the module of Orin NX, SKU 0 to 2, and
// Orin Nano, SKU 3 to 5), the names JetPack 4 used, and, where one chip is one board, the chip.
constexpr std::array kCompatible{
    Mark{"p3701", Board::jetson_agx_orin},
    Mark{"p3767-0003", Board::jetson_orin_nano},
    Mark{"p3767-0004", Board::jetson_orin_nano},
    Mark{"p3767-0005", Board::jetson_orin_nano},
    Mark{"p3767", Board::jetson_orin_nx},
    Mark{"p2888", Board::jetson_agx_xavier},
    Mark{"p2972", Board::jetson_agx_xavier},
    Mark{"jetson-xavier-nx", Board::jetson_xavier_nx},
    Mark{"p3668", Board::jetson_xavier_nx},
    Mark{"jetson-xavier", Board::jetson_agx_xavier},
    Mark{"p3448", Board::jetson_nano},
    Mark{"p3450", Board::jetson_nano},
    Mark{"jetson-nano", Board::jetson_nano},
    Mark{"p3310", Board::jetson_tx2},
    Mark{"p3489", Board::jetson_tx2},
    Mark{"p3636", Board::jetson_tx2},
    Mark{"p2771", Board::jetson_tx2},
    Mark{"tegra264", Board::jetson_thor},
    Mark{"brcm,bcm2711", Board::raspberry_pi_4},
    Mark{"brcm,bcm2712", Board::raspberry_pi_5},
};

// The longer name before the one it contains.
constexpr std::array kModel{Mark{"agx orin", Board::jetson_agx_orin},
                            Mark{"orin nx", Board::jetson_orin_nx},
                            Mark{"orin nano", Board::jetson_orin_nano},
                            Mark{"xavier nx", Board::jetson_xavier_nx},
                            Mark{"agx xavier", Board::jetson_agx_xavier},
                            Mark{"jetson-agx", Board::jetson_agx_xavier},
                            Mark{"jetson nano", Board::jetson_nano},
                            Mark{"jetson tx2", Board::jetson_tx2},
                            Mark{"thor", Board::jetson_thor},
                            Mark{"raspberry pi 4", Board::raspberry_pi_4},
                            Mark{"raspberry pi 5", Board::raspberry_pi_5}};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

template <class Marks>
Board first_mark(const Marks& marks, const std::string& text) {
  for (const Mark& mark : marks) {
    if (text.find(mark.text) != std::string::npos) return mark.board;
  }
  return Board::unknown;
}

std::string property(const FsRoot& root, const std::string& name) {
  constexpr std::size_t kLimit = 4096;
  for (const char* folder : kFolders) {
    if (auto text = root.read_text(std::string(folder) + "/" + name, kLimit)) return *text;
  }
  return {};
}

}  // namespace

const char* board_name(Board board) {
  switch (board) {
    case Board::jetson_agx_orin:
      return "Jetson AGX Orin";
    case Board::jetson_orin_nx:
      return "Jetson Orin NX";
    case Board::jetson_orin_nano:
      return "Jetson Orin Nano";
    case Board::jetson_agx_xavier:
      return "Jetson AGX Xavier";
    case Board::jetson_xavier_nx:
      return "Jetson Xavier NX";
    case Board::jetson_nano:
      return "Jetson Nano";
    case Board::jetson_tx2:
      return "Jetson TX2";
    case Board::jetson_thor:
      return "Jetson Thor";
    case Board::raspberry_pi_4:
      return "Raspberry Pi 4";
    case Board::raspberry_pi_5:
      return "Raspberry Pi 5";
    case Board::unknown:
      break;
  }
  return "unknown";
}

bool is_jetson(Board board) {
  return std::string_view(board_name(board)).starts_with("Jetson");
}

Board board_of(std::string_view compatible, std::string_view model) {
  const Board board = first_mark(kCompatible, lower(compatible));
  return board != Board::unknown ? board : first_mark(kModel, lower(model));
}

Board board_of(const FsRoot& root) {
  return board_of(property(root, "compatible"), property(root, "model"));
}

bool is_simulated_board(const FsRoot& root) {
  return board_model(root).find(kSimulatedBoard) != std::string::npos;
}

std::string board_model(const FsRoot& root) {
  const std::string model = property(root, "model");
  return std::string(trim(model.substr(0, model.find('\0'))));
}

}  // namespace wattle
