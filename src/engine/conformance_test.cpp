// Logits of the reference models (../shared/data/conformance): computed by llama.cpp in F32.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "engine/generate.hpp"
#include "wattle_folders.hpp"

namespace wattle::engine {
namespace {

std::filesystem::path conformance_folder() {
  const char* shared = std::getenv("WATTLE_SHARED");
  return (shared != nullptr ? std::filesystem::path(shared)
                            : std::filesystem::path(WATTLE_SOURCE_DIR "/../shared")) /
         "data/conformance";
}

struct Deviation {
  double largest = 0;
  double nmse = 0;
  double logsumexp = 0;
};

struct Bound {
  const char* name;
  double exact_nmse;
  double fast_nmse;
  const char* file = nullptr;  // if not that of the name
  std::uint32_t context = 0;
};

Deviation deviation(const Bound& bound, bool exact) {
  const std::string name = bound.name;
  const std::string file = bound.file != nullptr ? bound.file : bound.name;
  const auto folder = conformance_folder();
  const auto text = read_file(folder / (name + ".json"));
  EXPECT_TRUE(text) << text.error().message();
  const auto reference = *parse_json(*text, name);
  const auto model = Model::load(folder / (file + ".gguf"), {.exact = exact});
  EXPECT_TRUE(model) << model.error().message();
  const auto session = *Session::create(*model, {.context = bound.context});
  const auto tokens = reference["tokens"].get<std::vector<TokenId>>();
  const auto positions = *all_logits(*session, tokens);
  Deviation result;
  double error = 0;
  double total = 0;
  for (std::size_t p = 0; p < tokens.size(); ++p) {
    const auto& expected = reference["positions"][p];
    if (exact) {
      EXPECT_EQ(positions[p].argmax, expected["argmax"].get<TokenId>()) << p;
      EXPECT_NEAR(positions[p].entropy_nats, expected["entropy_nats"].get<double>(), 1e-4);
    }
    result.logsumexp = std::max(
        result.logsumexp, std::abs(positions[p].logsumexp - expected["logsumexp"].get<double>()));
    for (std::size_t i = 0; i < 64; ++i) {
      const double want = expected["logits_first_64"][i].get<double>();
      const double difference = static_cast<double>(positions[p].logits[i]) - want;
      result.largest = std::max(result.largest, std::abs(difference));
      error += difference * difference;
      total += want * want;
    }
  }
  result.nmse = error / total;
  return result;
}

class Conformance : public testing::TestWithParam<Bound> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(conformance_folder())) {
      GTEST_SKIP() << "no reference data at " << conformance_folder()
                   << "; set WATTLE_SHARED to the folder that holds data/";
    }
  }
};

TEST_P(Conformance, ExactPathIsTheReference) {
  const Deviation d = deviation(GetParam(), true);
  EXPECT_LE(d.largest, 2e-3);
  EXPECT_LE(d.logsumexp, 2e-3);
  EXPECT_LE(d.nmse, GetParam().exact_nmse);
}

TEST_P(Conformance, FastPathStaysWithinItsBound) {
  EXPECT_LE(deviation(GetParam(), false).nmse, GetParam().fast_nmse);
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
