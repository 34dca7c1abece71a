// wattle synth, inspect and quantize as a user meets them: output, exit codes, and nothing left
// behind when they fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/gguf.hpp"
#include "wattle_folders.hpp"

namespace wattle::e2e {
namespace {

using testing::HasSubstr;

std::filesystem::path seed(const char* name) {
  return std::filesystem::path(WATTLE_SOURCE_DIR) / "fuzz/corpus/gguf" / name;
}

class ModelFiles : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  void synth_tiny(const char* name, const char* type) const {
    const auto made = run_wattle({"synth", "--shape", "tiny", "--type", type, path(name)});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  TestFolder folder_;
};

Json json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  auto json = parse_json(outcome.out, "output");
  EXPECT_TRUE(json) << outcome.out;
  return json.value_or(Json::object());
}

// Runs a line of shell with $WATTLE as the program; gives its exit code and standard error.
Outcome run_shell(const std::string& line) {
  const TestFolder folder;
  const std::string err = (folder.path() / "err").string();
  const std::string command =
      std::string("WATTLE='") + WATTLE_PROGRAM + "'; (" + line + ") 2>'" + err + "'";
  const int status = std::system(command.c_str());
  Outcome outcome;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.err = read_file(err).value_or("");
  return outcome;
}

TEST_F(ModelFiles, SynthWritesWhatInspectShows) {
  const Json made = json_of(run_wattle(
      {"synth", "--shape", "tiny", "--type", "q8_0", "--seed", "9", "--json", path("m.gguf")}));
  EXPECT_EQ(made["shape"], "tiny");
  EXPECT_EQ(made["type"], "Q8_0");
  EXPECT_EQ(made["file_bytes"], std::filesystem::file_size(path("m.gguf")));
  EXPECT_EQ(files(), std::vector<std::string>{"m.gguf"});

  const Json seen = json_of(run_wattle({"inspect", "--json", path("m.gguf")}));
  EXPECT_EQ(seen["version"], 3);
  EXPECT_EQ(seen["parameters"], made["parameters"]);
  EXPECT_EQ(seen["tensors"].size(), made["tensors"]);
  EXPECT_EQ(seen["file_bytes"], made["file_bytes"]);
  const Json& metadata = seen["metadata"];
  EXPECT_EQ(metadata["llama.block_count"]["value"], 4);
  EXPECT_EQ(metadata["llama.block_count"]["type"], "u32");
  const Json& tokens = metadata["tokenizer.ggml.tokens"];
  EXPECT_EQ(tokens["length"], 1000);
  EXPECT_EQ(tokens["shortened"], true);
  EXPECT_LT(tokens["value"].size(), 10U);
  EXPECT_EQ(seen["tensors"][0]["name"], "token_embd.weight");
  EXPECT_EQ(seen["tensors"][0]["shape"], Json({64, 1000}));
  // 1000 rows of 64 elements, two blocks of 34 bytes each
  EXPECT_EQ(seen["tensors"][0]["bytes"], 68000);
  std::uint64_t n_bytes = 0;
  for (const auto& [type, sum] : seen["by_type"].items()) n_bytes += sum["bytes"].get<unsigned>();
  EXPECT_EQ(seen["tensor_bytes"], n_bytes);

  const Json full = json_of(run_wattle({"inspect", "--json", "--full", path("m.gguf")}));
  EXPECT_EQ(full["metadata"]["tokenizer.ggml.tokens"]["value"].size(), 1000U);
  EXPECT_EQ(full["metadata"]["tokenizer.ggml.tokens"]["shortened"], false);
}

TEST_F(ModelFiles, InspectPrintsTablesForPeople) {
  synth_tiny("m.gguf", "q4_0");
  const auto shown = run_wattle({"inspect", path("m.gguf")});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.out, HasSubstr("GGUF version 3"));
  EXPECT_THAT(shown.out, HasSubstr("llama.attention.head_count_kv"));
  EXPECT_THAT(shown.out, HasSubstr("string[1000]"));
  EXPECT_THAT(shown.out, HasSubstr("\"<unk>\",\"<s>\""));
  EXPECT_THAT(shown.out, HasSubstr("blk.3.ffn_down.weight"));
  EXPECT_THAT(shown.out, HasSubstr("160 × 64"));
  EXPECT_THAT(shown.out, testing::ContainsRegex("Q4_0 +30 +"));
  const auto vocabulary = run_wattle({"inspect", seed("valid-vocabulary.gguf").string()});
  EXPECT_EQ(vocabulary.exit_code, 0);
  EXPECT_THAT(vocabulary.out, HasSubstr("no tensors"));
  EXPECT_EQ(run_wattle({"inspect", seed("valid-every-value-type.gguf").string()}).exit_code, 0);
}

TEST_F(ModelFiles, InspectSaysWhatIsWrongWithAFile) {
  const struct {
    std::string model;
    int exit_code;
    const char* words;
  } cases[] = {
      {path("absent.gguf"), 4, "absent.gguf: No such file"},
      {folder_.path().string(), 2, "a folder without config.json"},
      {folder_.write("text.gguf", "hello").string(), 3, "not a GGUF file"},
      {folder_.write("empty.gguf", "").string(), 3, "empty"},
      {seed("bad-truncated.gguf").string(), 3, "download or copy it again"},
      {seed("bad-overflow.gguf").string(), 3, "overflows"},
      {seed("bad-type-iq2_xs.gguf").string(), 3, "IQ2_XS (17) is not supported yet"},
  };
  for (const auto& bad : cases) {
    const auto shown = run_wattle({"inspect", bad.model});
    EXPECT_EQ(shown.exit_code, bad.exit_code) << bad.model << ": " << shown.err;
    EXPECT_THAT(shown.err, HasSubstr(bad.words));
    EXPECT_EQ(shown.out, "");
  }
  EXPECT_EQ(run_wattle({"inspect"}).exit_code, 2);
}

TEST_F(ModelFiles, QuantizeShowsSizesAndErrors) {
  synth_tiny("f16.gguf", "f16");
  const auto shown = run_wattle({"quantize", path("f16.gguf"), path("q4.gguf"), "--type", "q4_0"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("blk.N.ffn_down.weight"));
  EXPECT_THAT(shown.out, HasSubstr("Q4_0: RMS error"));
  EXPECT_EQ(shown.err, "");
  const Json made = json_of(
      run_wattle({"quantize", path("f16.gguf"), path("q8.gguf"), "--type", "q8_0", "--json"}));
  EXPECT_EQ(made["file_bytes_before"], std::filesystem::file_size(path("f16.gguf")));
  EXPECT_EQ(made["file_bytes_after"], std::filesystem::file_size(path("q8.gguf")));
  EXPECT_EQ(made["was_quantized"], false);
  EXPECT_EQ(made["roles"][0]["to"], "Q8_0");
  EXPECT_GT(made["roles"][0]["rms_error"], 0.0);
  EXPECT_EQ(made["roles"][1]["rms_error"], nullptr);  // output_norm is kept
  const auto file = engine::GgufFile::open(path("q4.gguf"));
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->find_tensor("output.weight")->type, engine::TensorType::q4_0);
  const auto again = run_wattle({"quantize", path("q4.gguf"), path("q8b.gguf"), "--type", "q8_0"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("was quantised already"));
}

TEST_F(ModelFiles, WrongUseIsExplainedAndLeavesNothing) {
  synth_tiny("in.gguf", "f16");
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
    const char* words;
  } cases[] = {
      {{"quantize", path("in.gguf"), path("in.gguf"), "--type", "q4_0"}, 2, "onto itself"},
      {{"quantize", path("in.gguf"), path("out.gguf"), "--type", "q9"}, 2, "q4_0, q4_1"},
      {{"quantize", path("no.gguf"), path("out.gguf"), "--type", "q4_0"}, 4, "no.gguf"},
      {{"quantize", path("in.gguf"), path("no/out.gguf"), "--type", "q4_0"}, 4, "no/out.gguf"},
      {{"quantize", path("in.gguf"), folder_.path().string(), "--type", "q4_0"}, 2, "not a folder"},
      {{"quantize", path("in.gguf"), "/proc/out.gguf", "--type", "q4_0"}, 4, "/proc/out.gguf"},
      {{"quantize", seed("bad-truncated.gguf"), path("out.gguf"), "--type", "q4_0"},
       3,
       "incomplete"},
      {{"quantize", seed("bad-type-iq2_xs.gguf"), path("out.gguf"), "--type", "q4_0"}, 3, "IQ2_XS"},
      {{"quantize", seed("valid-vocabulary.gguf"), path("out.gguf"), "--type", "q4_0"},
       2,
       "no weights"},
      {{"quantize", path("in.gguf"), path("out.gguf")}, 2, "--type"},
      {{"synth", "--shape", "llama9", path("out.gguf")}, 2, "tinyllama-1.1b"},
      {{"synth", "--shape", "tiny", "--type", "q5_k", path("out.gguf")}, 2, "bf16"},
      {{"synth", "--shape", "tiny", path("no/out.gguf")}, 4, "Check the path"},
      {{"synth", "--shape", "tiny", folder_.path().string()}, 2, "not a folder"},
      {{"synth", "--shape", "tiny"}, 2, "OUT"},
  };
  for (const auto& wrong : cases) {
    const auto shown = run_wattle(wrong.arguments);
    EXPECT_EQ(shown.exit_code, wrong.exit_code) << shown.err;
    EXPECT_THAT(shown.err, HasSubstr(wrong.words));
    EXPECT_EQ(files(), std::vector<std::string>{"in.gguf"}) << wrong.words;
  }
}

TEST_F(ModelFiles, AFileSizeLimitLeavesNothing) {
  for (const std::string& command :
       {"synth --shape tiny --type f32 " + path("out.gguf"),
        "quantize " + path("in.gguf") + " " + path("out.gguf") + " --type q8_0"}) {
    if (command.starts_with("quantize")) synth_tiny("in.gguf", "f16");
    const std::vector<std::string> before = files();
    const auto limited = run_shell("ulimit -f 64; exec \"$WATTLE\" " + command);
    EXPECT_EQ(limited.exit_code, 4) << limited.err;
    EXPECT_THAT(limited.err, HasSubstr("out.gguf: File too large"));
    EXPECT_THAT(limited.err, HasSubstr("ulimit"));
    EXPECT_EQ(files(), before);
  }
}

TEST_F(ModelFiles, AFullDiskIsSaidAtOnceAndLeavesNothing) {
  const std::string disk = path("disk");
  std::filesystem::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "a file system of a known size needs root";
  }
  const auto made = run_wattle({"synth", "--shape", "tiny", disk + "/out.gguf"});
  const bool empty = std::filesystem::is_empty(disk);
  umount(disk.c_str());
  EXPECT_EQ(made.exit_code, 4) << made.err;
  EXPECT_THAT(made.err, HasSubstr("are free"));
  EXPECT_TRUE(empty);
}

TEST_F(ModelFiles, OutputThatCannotBePrintedIsAFailure) {
  synth_tiny("m.gguf", "q4_0");
  const auto shown = run_shell("\"$WATTLE\" inspect " + path("m.gguf") + " > /dev/full");
  EXPECT_EQ(shown.exit_code, 4) << shown.err;
  EXPECT_THAT(shown.err, HasSubstr("standard output: No space left"));
}

// Ctrl-C in the middle of a large file: as soon as its temporary file is there.
TEST_F(ModelFiles, CtrlCLeavesNothing) {
  const std::string out = path("large.gguf");
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, 2);
    execl(WATTLE_PROGRAM, WATTLE_PROGRAM, "synth", "--shape", "llama2-7b", "--type", "q4_0",
          out.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  while (files().empty()) {
    ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << "ended before it wrote anything";
    std::this_thread::yield();
  }
  kill(child, SIGINT);
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(files().empty());
}

}  // namespace
}  // namespace wattle::e2e
