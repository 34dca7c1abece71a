// wattle batch as a user calls it, on a small model of random weights.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/test_model.hpp"

namespace wattle::e2e {
namespace {

class BatchCommand : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(engine::TestModel({}).write(path_)); }
  // Lines of JSON.
  static std::vector<Json> lines(const std::string& text) {
    std::vector<Json> result;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      const auto json = parse_json(text.substr(begin, end - begin), "output");
      EXPECT_TRUE(json) << text;
      if (json) result.push_back(*json);
      begin = end + 1;
    }
    return result;
  }
  TestFolder folder_;
  std::string path_ = (folder_.path() / "model.gguf").string();
  std::string prompts_ = folder_
                             .write("prompts.jsonl",
                                    "{\"prompt\": \"good day\", \"id\": \"a\"}\n"
                                    "{\"prompt\": \"good night\", \"id\": 7, \"max_tokens\": 3}\n"
                                    "\n"
                                    "{\"prompt\": \"bye\"}\n")
                             .string();
};

TEST_F(BatchCommand, EveryAnswerIsThatOfRun) {
  for (const char* how : {"--budget=2", "--static", "--no-reuse", "--kv=f16"}) {
    const Outcome outcome = run_wattle({"batch", "-m", path_, "--prompts", prompts_, "-b", "2", how,
                                        "-n", "9", "--ignore-eos", "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto output = lines(outcome.out);
    ASSERT_EQ(output.size(), 4U) << outcome.out;
    std::map<std::string, Json> answers;
    for (std::size_t i = 0; i < 3; ++i) answers[output[i]["id"].dump()] = output[i];
    const std::vector<std::array<std::string, 3>> expected = {
        {"\"a\"", "good day", "9"}, {"7", "good night", "3"}, {"4", "bye", "9"}};
    for (const auto& [id, prompt, n] : expected) {
      const Outcome alone =
          run_wattle({"run", "-m", path_, "-p", prompt, "-n", n, "--ignore-eos", "--json"});
      const auto json = *parse_json(alone.out, "output");
      ASSERT_TRUE(answers.contains(id)) << outcome.out;
      EXPECT_EQ(answers[id]["output_text"], json["output_text"]);
      EXPECT_EQ(answers[id]["n_prompt_tokens"], json["n_prompt_tokens"]);
      EXPECT_EQ(answers[id]["n_output_tokens"], std::stoi(n));
      EXPECT_EQ(answers[id]["stop_reason"], "max_tokens");
    }
    const Json& totals = output.back()["totals"];
    EXPECT_EQ(totals["n_prompts"], 3);
    EXPECT_EQ(totals["n_output_tokens"], 21);
    EXPECT_GT(totals["kv_peak_bytes"], 0);
  }
}

TEST_F(BatchCommand, EachRequestsEnergyIsAShareOfTheWhole) {
  const Outcome outcome = run_wattle({"batch", "-m", path_, "--prompts", prompts_, "-b", "2", "-n",
                                      "9", "--ignore-eos", "--json", "--model-idle-w", "4",
                                      "--model-max-w", "9", "--sensor", "utilisation-model"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json last = lines(outcome.out).back();
  const Json& totals = last["totals"];
  EXPECT_EQ(totals["energy_source"]["kind"], "model");
  ASSERT_EQ(last["requests"].size(), 3U);
  double by_tokens = 0.0;
  double by_time = 0.0;
  for (const Json& request : last["requests"]) {
    by_tokens += request["energy_by_tokens_j"].get<double>();
    by_time += request["energy_by_time_j"].get<double>();
  }
  constexpr double kRoundingJ = 1e-12;  // sums of doubles; in nanojoules they are exact
  EXPECT_NEAR(by_tokens, totals["energy_steps_j"].get<double>(), kRoundingJ);
  EXPECT_NEAR(by_time, totals["energy_steps_j"].get<double>(), kRoundingJ);
  EXPECT_NEAR(totals["energy_steps_j"].get<double>() + totals["energy_between_j"].get<double>(),
              totals["energy_j_gross"].get<double>(), kRoundingJ);
  EXPECT_GT(totals["energy_j_gross"].get<double>(), 0.0);
  const Outcome off =
      run_wattle({"batch", "-m", path_, "--prompts", prompts_, "-n", "2", "--no-energy", "--json"});
  EXPECT_TRUE(lines(off.out).back()["totals"]["energy_j_gross"].is_null()) << "absent is not zero";
}

TEST_F(BatchCommand, APromptThatCannotBeRunIsAnErrorOfItsOwn) {
  const std::string input = "{\"prompt\": \"" + std::string(300, 'x') +
                            "\", \"id\": \"long\"}\n{\"prompt\": \"hi\", \"id\": \"short\"}\n";
  const Outcome outcome = run_wattle(
      {"batch", "-m", path_, "--prompts", "-", "-n", "2", "--ignore-eos", "--json"}, input);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  const auto output = lines(outcome.out);
  ASSERT_EQ(output.size(), 3U) << outcome.out;
  EXPECT_EQ(output[0]["id"], "long");
  EXPECT_NE(output[0]["error"].get<std::string>().find("the context 64"), std::string::npos);
  EXPECT_EQ(output[1]["id"], "short");
  EXPECT_EQ(output[2]["totals"]["n_failed"], 1);
}

TEST_F(BatchCommand, TextHasAHeadingForEveryAnswerAndTotalsOnTheSide) {
  const Outcome outcome =
      run_wattle({"batch", "-m", path_, "--prompts", prompts_, "-n", "2", "--kv", "i8"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("--- a ("), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("--- 4 ("), std::string::npos);
  EXPECT_NE(outcome.err.find("3 prompts (0 failed, 0 cancelled)"), std::string::npos)
      << outcome.err;
}

TEST_F(BatchCommand, WrongRequestsHaveExitCodesAndSayWhere) {
  const auto run = [&](const std::string& text, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"batch", "-m", path_, "--prompts",
                                          folder_.write("bad.jsonl", text).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_wattle(arguments);
  };
  for (const std::string bad :
       {"{", "[]", "{\"prompt\": 5}", "{}", "{\"prompt\": \"x\", \"max_tokens\": -1}",
        "{\"prompt\": \"x\", \"id\": []}"}) {
    const Outcome outcome = run("{\"prompt\": \"x\"}\n" + bad + "\n");
    EXPECT_EQ(outcome.exit_code, 3) << bad << outcome.err;
    EXPECT_NE(outcome.err.find("line 2"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(run("\n").exit_code, 2);
  const std::string good = "{\"prompt\": \"x\"}\n";
  EXPECT_EQ(run(good, {"-b", "65"}).exit_code, 2);
  EXPECT_EQ(run(good, {"-b", "8", "--budget", "4"}).exit_code, 2);
  EXPECT_EQ(run_wattle({"batch", "-m", path_, "--prompts", "/nowhere.jsonl"}).exit_code, 4);
}

}  // namespace
}  // namespace wattle::e2e
