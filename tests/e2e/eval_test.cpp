// wattle eval as a user meets it: figures, tables, JSON, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "wattle_folders.hpp"

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

TEST_F(Eval, DivergenceOfEarlyLayersFromFullDepthAndBackFromAFile) {
  const Json made = json_of(
      run_wattle({"eval", "divergence", "-m", kModel, "-f", text_file(), "--ctx", "64", "--chunks",
                  "4", "--exit-layer", "4,16", "--save-logits", path("ref.logits"), "--json"}));
  ASSERT_EQ(made["layers"].size(), 2U);
  EXPECT_GT(made["layers"][0]["kl_nats"]["mean"].get<double>(), 0.0);
  EXPECT_LT(made["layers"][0]["same_top"].get<double>(), 1.0);
  EXPECT_EQ(made["layers"][1]["kl_nats"]["mean"], 0.0);
  EXPECT_EQ(made["layers"][1]["same_top"], 1.0);
  EXPECT_EQ(made["layers"][1]["delta_perplexity"]["mean"], 0.0);
  // The model in fewer bits, against itself and against the file.
  ASSERT_EQ(run_wattle({"quantize", kModel, path("q4.gguf"), "--type", "q4_0"}).exit_code, 0);
  const Json by_file = json_of(run_wattle({"eval", "divergence", "-m", path("q4.gguf"),
                                           "--reference-logits", path("ref.logits"), "--json"}));
  const Json by_model =
      json_of(run_wattle({"eval", "divergence", "-m", path("q4.gguf"), "--reference", kModel, "-f",
                          text_file(), "--ctx", "64", "--chunks", "4", "--json"}));
  const double kl = by_model["layers"][0]["kl_nats"]["mean"].get<double>();
  EXPECT_GT(kl, 0.0);
  EXPECT_NEAR(by_file["layers"][0]["kl_nats"]["mean"].get<double>(), kl, 1e-3);
  EXPECT_EQ(by_file["tokens"], by_model["tokens"]);
  const auto shown = run_wattle(
      {"eval", "divergence", "-m", path("q4.gguf"), "--reference-logits", path("ref.logits")});
  EXPECT_THAT(shown.out, HasSubstr("KL mean"));
  EXPECT_THAT(shown.out, HasSubstr("Δ perplexity"));
}

TEST_F(Eval, DivergenceSaysWhatIsWrong) {
  ASSERT_EQ(run_wattle({"synth", "--shape", "tiny", path("other.gguf")}).exit_code, 0);
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
    const char* words;
  } cases[] = {
      {{}, 2, "no text to compare on"},
      {{"--reference", path("other.gguf"), "-f", text_file(), "--ctx", "32"}, 2, "cannot compare"},
      {{"--reference-logits", folder_.write("x.logits", "hello there").string()},
       3,
       "not such a file"},
      {{"--reference-logits", path("none.logits")}, 4, "none.logits"},
      {{"-f", text_file(), "--save-logits", path("no/such/folder/x")}, 4, "no/such/folder"},
  };
  for (const auto& bad : cases) {
    std::vector<std::string> arguments = {"eval", "divergence", "-m", kModel};
    arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
    const auto shown = run_wattle(arguments);
    EXPECT_EQ(shown.exit_code, bad.exit_code) << shown.err;
    EXPECT_THAT(shown.err, HasSubstr(bad.words));
  }
}

TEST_F(Eval, TasksOfTwoModelsAndTwoLayersInOneTable) {
  ASSERT_EQ(run_wattle({"quantize", kModel, path("q4.gguf"), "--type", "q4_0"}).exit_code, 0);
  const std::string suite = std::string(WATTLE_SOURCE_DIR) + "/prompts/telemetry.jsonl";
  const std::vector<std::string> arguments = {
      "eval", "tasks",   "-m", kModel,         "-m",   path("q4.gguf"),  "--suite",
      suite,  "--limit", "8",  "--exit-layer", "8,16", "--save-answers", path("answers.jsonl")};
  const auto shown = run_wattle(arguments);
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("Q4_0"));
  EXPECT_THAT(shown.out, HasSubstr("8/16"));
  EXPECT_THAT(shown.out, HasSubstr("Δ first row"));
  const auto answers = read_file(path("answers.jsonl"));
  ASSERT_TRUE(answers);
  EXPECT_EQ(std::ranges::count(*answers, '\n'), 32);
  std::vector<std::string> with_json = arguments;
  with_json.emplace_back("--json");
  const Json made = json_of(run_wattle(with_json));
  ASSERT_EQ(made["results"].size(), 4U);
  EXPECT_EQ(made["metric"], "contains");
  EXPECT_EQ(made["results"][1]["layer"], 16);
  EXPECT_GE(made["results"][1]["score"].get<double>(), 0.5);
  EXPECT_EQ(made["results"][0]["difference"], 0.0);
}

TEST_F(Eval, TasksReadQuestionsAndNameBadLines) {
  const auto questions = folder_.write("q.jsonl",
                                       "{\"question\":\"Is CO a gas?\",\"answer\":[\"yes\"]}\n"
                                       "{\"question\":\"Which?\",\"answer\":[]}\n");
  const Json made = json_of(run_wattle(
      {"eval", "tasks", "-m", kModel, "--suite", questions.string(), "--metric", "f1", "--json"}));
  EXPECT_EQ(made["items"], 1);
  EXPECT_EQ(made["without_answer"], 1);
  EXPECT_EQ(made["metric"], "f1");
  const auto bad = folder_.write("bad.jsonl", "\n{\"question\":\"x\"}\n");
  const auto failed = run_wattle({"eval", "tasks", "-m", kModel, "--suite", bad.string()});
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_THAT(failed.err, HasSubstr("bad.jsonl:2: 'answer' is missing"));
  const std::string suite = std::string(WATTLE_SOURCE_DIR) + "/prompts/telemetry.jsonl";
  const auto exact = run_wattle(
      {"eval", "tasks", "-m", kModel, "--suite", suite, "--metric", "exact", "--limit", "1"});
  EXPECT_EQ(exact.exit_code, 2);
  EXPECT_THAT(exact.err, HasSubstr("--metric contains"));
}

// Ctrl-C in the middle: figures of what was done, said to be partial, and no file of logits.
TEST_F(Eval, CtrlCReportsWhatItHas) {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += "co 0.013" + std::to_string(i) + ", lpg 0.0058.\n";
  const auto file = folder_.write("long.txt", text);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(path("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 1);
    dup2(open(path("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 2);
    execl(WATTLE_PROGRAM, WATTLE_PROGRAM, "eval", "divergence", "-m", kModel.c_str(), "-f",
          file.c_str(), "--ctx", "16", "--exit-layer", "8", "--json", "--save-logits",
          path("ref.logits").c_str(), nullptr);
    _exit(127);
  }
  // As soon as logits of many windows are in its temporary file.
  const auto has_written = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      std::error_code gone;
      const bool is_logits = entry.path().filename().string().find("ref.logits") == 0 ||
                             entry.path().filename().string().find(".ref.logits") == 0;
      const auto size = entry.file_size(gone);
      if (is_logits && !gone && size > 1'000'000) return true;
    }
    return false;
  };
  int status = 0;
  while (!has_written()) {
    ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << read_file(path("err")).value_or("");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(child, SIGINT);
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_THAT(read_file(path("err")).value_or(""), HasSubstr("interrupted"));
  const auto json = parse_json(read_file(path("out")).value_or(""), "output");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["partial"], true);
  EXPECT_LT((*json)["windows"].get<int>(), (*json)["windows_planned"].get<int>());
  EXPECT_EQ((*json)["layers"].size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(path("ref.logits")));
}

}  // namespace
}  // namespace wattle::e2e
