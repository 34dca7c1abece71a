// script/bench-peers on programs that print what llama-bench documents.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/test_model.hpp"
#include "wattle_folders.hpp"

namespace wattle::e2e {
namespace {

class BenchPeers : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(engine::TestModel({}).write(model_)); }

  // A program whose n-th call prints `rows`, with SPEED replaced by the n-th of `speeds`. It writes
  // its name to `order` and its arguments to <name>.log.
  std::string program(const std::string& name, const std::string& help, const std::string& speeds,
                      const std::string& rows) {
    const std::string folder = folder_.path().string();
    const auto path = folder_.write(
        name, "#!/bin/sh\ncase \"$*\" in *--help*) echo '" + help + "'; exit 0;; esac\n" + "echo " +
                  name + " >> " + folder + "/order\n" + "echo \"$*\" >> " + folder + "/" + name +
                  ".log\n" + "n=$(wc -l < " + folder + "/" + name + ".log)\n" + "speed=$(echo " +
                  speeds + " | cut -d' ' -f$n)\n" + "sed \"s/SPEED/$speed/g\" <<'END'\n" + rows +
                  "\nEND\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  }

  struct Said {
    int exit_code = -1;
    std::string out, err;
  };
  Said run(const std::string& arguments) {
    const std::string out = (folder_.path() / "out").string();
    const std::string err = (folder_.path() / "err").string();
    const int status = std::system((WATTLE_SOURCE_DIR "/script/bench-peers -m " + model_ + " " +
                                    arguments + " >" + out + " 2>" + err)
                                       .c_str());
    return {WEXITSTATUS(status), read_file(out).value_or(""), read_file(err).value_or("")};
  }

  TestFolder folder_;
  std::string model_ = (folder_.path() / "model.gguf").string();
};

const char* const kRow =
    R"([{"n_prompt": 8, "n_gen": 0, "n_depth": 0, "n_threads": 1, "avg_ts": SPEED,
         "samples_ts": [SPEED], "model_type": "llama test", "read_gb_per_s": 30,
         "int8_gop_per_s": 400, "f32_gflop_per_s": 100}])";

// Rounds: 110/100, 180/200, 330/300, that is 1.1, 0.9, 1.1.
TEST_F(BenchPeers, RatiosAreThoseOfTheRounds) {
  const std::string ours = program("ours", "", "110 180 330", kRow);
  const std::string theirs = program("theirs", " -p <n>  -d, --n-depth <n>", "100 200 300", kRow);
  const Said said = run("--wattle " + ours + " --llama-bench " + theirs +
                        " --peer-args 'theirs=-fa 1' -p 8 -n 0 -t 1 -r 3 -o json");
  ASSERT_EQ(said.exit_code, 0) << said.err;
  const Json json = parse_json(said.out, "output").value_or(Json());
  ASSERT_EQ(json["rows"].size(), 1U) << said.out;
  const Json& row = json["rows"][0];
  EXPECT_EQ(row["test"], "pp8");
  EXPECT_EQ(row["peer"], "theirs");
  EXPECT_DOUBLE_EQ(row["wattle_ts"].get<double>(), 180);
  EXPECT_DOUBLE_EQ(row["peer_ts"].get<double>(), 200);
  EXPECT_DOUBLE_EQ(row["ratio"].get<double>(), 1.1);
  EXPECT_DOUBLE_EQ(row["ratio_min"].get<double>(), 0.9);
  EXPECT_DOUBLE_EQ(row["ratio_max"].get<double>(), 1.1);
  EXPECT_EQ(json["limits"]["1"]["int8_gop_per_s"], 400);
  // Each round begins with another program.
  EXPECT_EQ(read_file(folder_.path() / "order").value_or(""),
            "ours\ntheirs\ntheirs\nours\nours\ntheirs\n");
  const std::string log = read_file(folder_.path() / "theirs.log").value_or("");
  EXPECT_TRUE(log.contains("-p 8 -n 0 -r 1 -o json -t 1 -d 0 -fa 1")) << log;
  EXPECT_TRUE(read_file(folder_.path() / "ours.log").value_or("").starts_with("bench -m "));
}

TEST_F(BenchPeers, AProgramWithoutDepthsIsAskedForNone) {
  const std::string old =
      R"([{"n_prompt": 8, "n_gen": 0, "n_threads": 1, "avg_ts": SPEED, "samples_ts": [SPEED]},
          {"n_prompt": 8, "n_gen": 4, "n_threads": 1, "avg_ts": 1}])";
  const std::string theirs = program("theirs", " -p <n>  -ngl <n>", "100 100 100", old);
  const Said said = run("--wattle " WATTLE_PROGRAM " --llama-bench fork=" + theirs +
                        " -p 8 -n 4 -d 0,10 -t 1 -r 1 -o md");
  ASSERT_EQ(said.exit_code, 0) << said.err;
  EXPECT_TRUE(said.err.contains("fork has no -d")) << said.err;
  EXPECT_FALSE(read_file(folder_.path() / "theirs.log").value_or("").contains("-d "));
  EXPECT_TRUE(said.out.contains("| pp8 | 1 | fork |")) << said.out;
  EXPECT_TRUE(said.out.contains("| pp8 @ d10 | 1 | fork |")) << said.out;
  EXPECT_TRUE(said.out.contains("limits in these rounds, 1 thread: read ")) << said.out;
}

TEST_F(BenchPeers, WrongRequestsAndOutputsAreNamed) {
  const std::string silent = program("silent", "", "1", "no JSON");
  const std::string ours = program("ours", "", "1 1 1 1", kRow);
  const std::string rest = " -p 8 -n 0 -t 1 -r 1 --wattle " + ours;
  const Said no_json = run("--llama-bench " + silent + rest);
  EXPECT_EQ(no_json.exit_code, 3);
  EXPECT_TRUE(no_json.err.contains("silent did not print a JSON array")) << no_json.err;
  const Said nowhere = run("--llama-bench /nowhere/llama-bench" + rest);
  EXPECT_EQ(nowhere.exit_code, 4);
  EXPECT_TRUE(nowhere.err.contains("/nowhere/llama-bench")) << nowhere.err;
  const Said unknown = run("--llama-bench " + silent + " --peer-args 'x=-fa 1'" + rest);
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_TRUE(unknown.err.contains("silent")) << unknown.err;
  EXPECT_EQ(run("--llama-bench " + silent + " -p 8,x").exit_code, 2);
}

}  // namespace
}  // namespace wattle::e2e
