// Logits of the reference models (../shared/data/conformance): computed by llama.cpp in F32.
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "engine/kernels/isa.hpp"
#include "engine/test_conformance.hpp"

namespace wattle::engine {
namespace {

struct Bound {
  const char* name;
  double exact_nmse;
  double fast_nmse;
  const char* file = nullptr;  // if not that of the name
  std::uint32_t context = 0;
};

Deviation deviation_of(const Bound& bound, bool exact) {
  const std::string file = bound.file != nullptr ? bound.file : bound.name;
  return deviation(conformance_folder() / (file + ".gguf"), bound.name, exact, bound.context);
}

class Conformance : public testing::TestWithParam<Bound> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(conformance_folder())) {
      GTEST_SKIP() << "no reference data at " << conformance_folder()
                   << "; WATTLE_SHARED names the folder that it is in";
    }
  }
};

TEST_P(Conformance, ExactPathIsTheReference) {
  const Deviation d = deviation_of(GetParam(), true);
  EXPECT_LE(d.largest, 2e-3);
  EXPECT_LE(d.logsumexp, 2e-3);
  EXPECT_LE(d.nmse, GetParam().exact_nmse);
}

TEST_P(Conformance, FastPathStaysWithinItsBound) {
  EXPECT_LE(deviation_of(GetParam(), false).nmse, GetParam().fast_nmse);
}

std::vector<std::vector<float>> logits_of(const std::filesystem::path& path, int threads,
                                          std::uint32_t batch) {
  const auto model = *Model::load(path, {.threads = threads});
  const auto session = *Session::create(model, {.batch = batch});
  std::vector<TokenId> tokens(24);
  std::iota(tokens.begin(), tokens.end(), 5);
  std::vector<std::vector<float>> logits;
  const auto positions = *all_logits(*session, tokens);
  for (const auto& position : positions) logits.push_back(position.logits);
  return logits;
}

// Every type of weights there is, in every instruction set.
TEST_P(Conformance, TheBitsDependNeitherOnThreadsNorOnBatches) {
  const std::string name = GetParam().name;
  if (!name.starts_with("quant/")) return;
  const auto path = conformance_folder() / (name + ".gguf");
  for (const Isa isa : available_isas()) {
    ::setenv("WATTLE_ISA", isa_name(isa), 1);
    const auto expected = logits_of(path, 1, 1);
    EXPECT_EQ(logits_of(path, 4, 24), expected) << isa_name(isa);
    EXPECT_EQ(logits_of(path, 2, 7), expected) << isa_name(isa);
    EXPECT_EQ(logits_of(path, 3, 2), expected) << isa_name(isa);
  }
  ::unsetenv("WATTLE_ISA");
}

INSTANTIATE_TEST_SUITE_P(
    Models, Conformance,
    testing::Values(Bound{"llama", 1e-6, 5e-6}, Bound{"llama3-rope", 1e-6, 5e-6},
                    Bound{"qwen2", 1e-6, 5e-6}, Bound{"qwen3", 1e-6, 5e-6},
                    Bound{"phi3", 1e-6, 5e-6}, Bound{"gemma", 1e-6, 5e-6},
                    Bound{"stablelm", 1e-6, 5e-6},
                    Bound{"phi3-longrope-short", 1e-6, 5e-6, "phi3-longrope", 512},
                    Bound{"phi3-longrope-long", 1e-6, 5e-6, "phi3-longrope", 2048},
                    Bound{"quant/nano-F16", 1e-6, 1e-5}, Bound{"quant/nano-BF16", 1e-6, 1e-5},
                    // The fast path: what llama.cpp's own has on the same files, or less.
                    Bound{"quant/nano-Q8_0", 1e-6, 1.8e-3}, Bound{"quant/nano-Q4_0", 1e-6, 1.9e-3},
                    Bound{"quant/nano-Q4_1", 1e-6, 2.3e-3}, Bound{"quant/nano-Q5_0", 1e-6, 1.7e-3},
                    Bound{"quant/nano-Q5_1", 1e-6, 1.6e-3}, Bound{"quant/nano-Q2_K", 1e-6, 3.1e-3},
                    Bound{"quant/nano-Q3_K", 1e-6, 2.9e-3}, Bound{"quant/nano-Q4_K", 1e-6, 3.2e-3},
                    Bound{"quant/nano-Q5_K", 1e-6, 2.8e-3}, Bound{"quant/nano-Q6_K", 1e-6, 2.2e-3},
                    Bound{"quant/nano-IQ4_NL", 1e-6, 1.7e-3},
                    Bound{"quant/nano-IQ4_XS", 1e-6, 2.8e-3}),
    [](const auto& b) {
      std::string name = b.param.name;
      for (char& c : name) {
        if (c == '/' || c == '-') c = '_';
      }
      return name;
    });

}  // namespace
}  // namespace wattle::engine
