// wattle eval as a user meets it: figures, tables, JSON, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"

namespace wattle::e2e {
namespace {

using testing::HasSubstr;

const std::string kModel = std::string(WATTLE_SOURCE_DIR) + "/models/telemetry-16l.gguf";

class Eval : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  // Text of the kind that the shipped model was trained on.
  [[nodiscard]] std::string text_file() const {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      text += "Readings from the boiler room: co 0.013" + std::to_string(i % 10) +
              ", lpg 0.0058, smoke 0.0142, temp 71.3 F. What is going on?\n";
    }
    return folder_.write("text.txt", text).string();
  }
  TestFolder folder_;
};

Json json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  auto json = parse_json(outcome.out, "output");
  EXPECT_TRUE(json) << outcome.out;
  return json.value_or(Json::object());
}

TEST_F(Eval, PerplexityOfEveryLayer) {
  const Json made = json_of(run_wattle({"eval", "perplexity", "-m", kModel, "-f", text_file(),
                                        "--ctx", "64", "--exit-layer", "8,16", "--json"}));
  ASSERT_EQ(made["layers"].size(), 2U);
  EXPECT_EQ(made["partial"], false);
  EXPECT_EQ(made["windows"], made["windows_planned"]);
  EXPECT_GT(made["tokens"].get<int>(), 500);
  for (const Json& layer : made["layers"]) {
    const double nll = layer["nll_nats"]["mean"].get<double>();
    EXPECT_NEAR(layer["perplexity"]["mean"].get<double>(), std::exp(nll), 1e-9 * std::exp(nll));
    EXPECT_NEAR(layer["bits_per_byte"].get<double>(),
                nll / std::log(2.0) * made["tokens"].get<double>() / made["bytes"].get<double>(),
                1e-9);
    EXPECT_GT(layer["perplexity"]["standard_error_windows"].get<double>(), 0.0);
  }
  const auto shown = run_wattle({"eval", "perplexity", "-m", kModel, "-f", text_file(), "--ctx",
                                 "64", "--chunks", "2", "--exit-layer", "all"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("in 2 windows"));
  EXPECT_THAT(shown.out, HasSubstr("16/16"));
  EXPECT_THAT(shown.out, HasSubstr("bits/byte"));
}

// The same figures to the last bit for any number of threads.
TEST_F(Eval, PerplexityDoesNotDependOnThreads) {
  const auto with = [&](const char* threads) {
    return json_of(run_wattle({"eval", "perplexity", "-m", kModel, "-f", text_file(), "--ctx", "64",
                               "--chunks", "3", "-t", threads, "--json"}));
  };
  EXPECT_EQ(with("1")["layers"], with("3")["layers"]);
}

TEST_F(Eval, PerplexitySaysWhatIsWrong) {
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
    const char* words;
  } cases[] = {
      {{"-f", path("none.txt")}, 4, "none.txt"},
      {{"-f", folder_.write("empty.txt", "").string()}, 2, "too few to score"},
      {{"-f", text_file(), "--exit-layer", "17"}, 2, "'17' is not a layer of a model of 16"},
      {{"-f", text_file(), "--exit-layer", "4,x"}, 2, "'x' is not a layer"},
      {{"-f", text_file(), "--ctx", "1"}, 2, "--ctx 2 or more"},
      {{"-f", text_file(), "--ctx", "9000000"}, 2, "Choose --ctx"},
      {{"-f", text_file(), "--ctx", "64", "--stride", "65"}, 2, "--stride 63 or less"},
      {{"-f", text_file(), "--protocol", "gpt"}, 2, "--protocol"},
  };
  for (const auto& bad : cases) {
    std::vector<std::string> arguments = {"eval", "perplexity", "-m", kModel};
    arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
    const auto shown = run_wattle(arguments);
    EXPECT_EQ(shown.exit_code, bad.exit_code) << shown.err;
    EXPECT_THAT(shown.err, HasSubstr(bad.words));
    EXPECT_EQ(shown.out, "");
  }
}

}  // namespace
}  // namespace wattle::e2e
