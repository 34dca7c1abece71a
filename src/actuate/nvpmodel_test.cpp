#include "actuate/nvpmodel.hpp"

#include <gtest/gtest.h>

namespace wattle::actuate {
namespace {

TEST(PowerModes, OfVerboseOutput) {
  const auto modes = parse_power_modes(
      "NVPM VERB: Config file: /etc/nvpmodel.conf\n"
      "NVPM VERB: POWER_MODEL: ID=0 NAME=MAXN\n"
      "NVPM VERB: \tPARAM CPU_ONLINE: ARG CORE_0: ARG_VAL 1\r\n"
      "< POWER_MODEL ID=3 NAME=50W >\n"
      "NVPM VERB: PM_CONFIG: DEFAULT=2\n");
  ASSERT_TRUE(modes);
  ASSERT_EQ(modes->size(), 2U);
  EXPECT_EQ((*modes)[0].name, "MAXN");
  EXPECT_EQ((*modes)[1].id, 3);
  EXPECT_EQ((*modes)[1].name, "50W");
}

TEST(PowerModes, AnythingElseIsRefused) {
  for (const char* text : {"", "nothing", "POWER_MODEL: ID=-1 NAME=X\n",
                           "POWER_MODEL: ID=1 NAME=\n", "POWER_MODEL: ID=99999999999 NAME=X\n",
                           "POWER_MODEL: ID=1 NAME=A\nPOWER_MODEL: ID=1 NAME=B",
                           "POWER_MODEL: ID=1 NAME=A\nPOWER_MODEL: ID=2 NAME=A"}) {
    const auto modes = parse_power_modes(text);
    ASSERT_FALSE(modes) << text;
    EXPECT_EQ(modes.error().code, ErrorCode::invalid_format);
  }
}

TEST(PowerModeQuery, TheNumberAfterTheName) {
  EXPECT_EQ(parse_power_mode_query("NV Power Mode: MODE_30W\n2\n"), 2);
  EXPECT_EQ(parse_power_mode_query("NVPM WARN: fan mode is not set!\nNV Power Mode: MAXN\n0\n"), 0);
  for (const char* text : {"", "2\n", "NV Power Mode: 15W\n", "NV Power Mode: X\n-1\n"}) {
    EXPECT_FALSE(parse_power_mode_query(text)) << text;
  }
}

}  // namespace
}  // namespace wattle::actuate
