#include <algorithm>
#include <filesystem>
#include <set>

#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

TEST(Gauge, EveryBoardIsListedWithIdsOfItsOwn) {
  const FakeClock clock;
  int n_boards = 0;
  const auto folder = std::filesystem::path(WATTLE_SOURCE_DIR) / "tests/fixtures/sysroots";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    const std::string board = entry.path().filename().string();
    const FsRoot root(entry.path());
    const GaugeInventory inventory = discover_gauges(root, clock);
    std::set<std::string> ids;
    for (const auto& gauge : inventory.gauges) {
      EXPECT_TRUE(ids.insert(gauge->info().id).second) << board << " " << gauge->info().id;
      EXPECT_FALSE(gauge->info().scope.empty()) << board << " " << gauge->info().id;
    }
    for (const Unavailable& u : inventory.unavailable) {
      EXPECT_TRUE(ids.insert(u.id).second) << board << " " << u.id;
      EXPECT_FALSE(u.reason.empty()) << board << " " << u.id;
    }
    const bool jetson = board.starts_with("jetson");
    if (jetson || board.starts_with("raspberry") || board == "intel-laptop") {
      EXPECT_TRUE(std::any_of(ids.begin(), ids.end(), [](const std::string& id) {
        return id.starts_with("temp:");
      })) << board;
      EXPECT_NE(find(inventory, "freq:cpu0"), nullptr) << board;
    }
    EXPECT_EQ(find(inventory, "freq:gpu") != nullptr, jetson) << board;
    ++n_boards;
  }
  EXPECT_GE(n_boards, 17);
}

TEST(Gauge, EveryQuantityHasItsName) {
  std::set<std::string> names;
  for (const Quantity quantity :
       {Quantity::temperature_c, Quantity::frequency_hz, Quantity::utilisation,
        Quantity::memory_bytes, Quantity::page_faults, Quantity::fan_rpm, Quantity::fan_duty,
        Quantity::throttled, Quantity::throttle_count, Quantity::was_throttled, Quantity::charge}) {
    EXPECT_TRUE(names.insert(quantity_name(quantity)).second);
  }
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace wattle::sense
