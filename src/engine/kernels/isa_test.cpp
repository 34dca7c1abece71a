// The choice of the instruction set.
#include "engine/kernels/isa.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/kernels/cpu_features.hpp"

namespace wattle::engine {
namespace {

TEST(Isa, NamesThatAreUnknownOrAbsentAreErrorsThatListTheAvailable) {
  EXPECT_EQ(*choose_isa("scalar"), Isa::scalar);
  EXPECT_EQ(*choose_isa(""), available_isas().back());
  const auto unknown = choose_isa("sse9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(unknown.error().message().find("scalar"), std::string::npos);
  const std::vector<Isa> here = available_isas();
  for (const Isa isa : {Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::neon, Isa::neon_i8mm}) {
    if (std::ranges::find(here, isa) != here.end()) {
      EXPECT_EQ(*choose_isa(isa_name(isa)), isa);
    } else {
      EXPECT_EQ(choose_isa(isa_name(isa)).error().code, ErrorCode::unavailable) << isa_name(isa);
    }
  }
}

TEST(Isa, WhatIsCompiledForTestsOnlyIsNotOffered) {
  EXPECT_EQ(choose_isa("avxvnni_evex").error().code, ErrorCode::invalid_argument);
}

TEST(Isa, TablesCarryTheNameTheyAreChosenBy) {
  for (const Isa isa : available_isas()) EXPECT_STREQ(kernels_for(isa).name, isa_name(isa));
}

TEST(Isa, EachInstructionSetIsOfferedIfTheCpuHasIt) {
  const CpuFeatures features = cpu_features();
  const std::vector<Isa> here = available_isas();
  const auto offered = [&here](Isa isa) { return std::ranges::find(here, isa) != here.end(); };
  EXPECT_EQ(offered(Isa::avx2), features.avx2);
  EXPECT_EQ(offered(Isa::avxvnni), features.avxvnni);
  EXPECT_EQ(offered(Isa::avx512), features.avx512);
  EXPECT_EQ(offered(Isa::neon), features.neon);
  EXPECT_EQ(offered(Isa::neon_dotprod), features.dotprod);
  EXPECT_EQ(offered(Isa::neon_i8mm), features.i8mm);
}

}  // namespace
}  // namespace wattle::engine
