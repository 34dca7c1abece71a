#include "learn/platform/sentencepiece/train_pieces.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/atomic_file.hpp"

namespace wattle::learn {
namespace {
namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Runs a program of the PATH with its output in `log`; its exit status.
Result<int> run_program(const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return fail(ErrorCode::unavailable, fmt::format("cannot run {}", arguments[0]),
                "install the training stack: script/setup --all");
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno(errno, "cannot wait for " + arguments[0]);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// "piece<tab>score" lines of a .vocab file, without <unk>, <s>, </s> and the byte tokens.
std::vector<std::string> parse_vocabulary(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view piece = line.substr(0, line.find('\t'));
    const bool special = piece == "<unk>" || piece == "<s>" || piece == "</s>" ||
                         (piece.size() == 6 && piece.starts_with("<0x"));
    if (!piece.empty() && !special) pieces.emplace_back(piece);
  }
  return pieces;
}
}  // namespace

Result<std::vector<std::string>> train_pieces(std::span<const std::string> lines, int n_pieces,
                                              const std::string& program) {
  std::string name = (fs::temp_directory_path() / "wattle-vocabulary-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return fail_errno(errno, "cannot create " + name);
  const TemporaryFolder folder(name);
  std::string text;
  for (const std::string& line : lines) {
    text += line;
    text += '\n';
  }
  const fs::path input = folder.path() / "lines.txt";
  const fs::path model = folder.path() / "vocabulary";
  const fs::path log = folder.path() / "log.txt";
  WATTLE_CHECK(write_file_atomically(input, text));
  constexpr int kSpecial = 3 + 256;  // unknown, begin, end and the byte tokens
  WATTLE_TRY(const int status,
             run_program({program, "--input=" + input.string(), "--model_prefix=" + model.string(),
                          "--model_type=bpe", fmt::format("--vocab_size={}", n_pieces + kSpecial),
                          "--byte_fallback=true", "--split_digits=true", "--character_coverage=1.0",
                          "--normalization_rule_name=identity", "--add_dummy_prefix=true",
                          "--remove_extra_whitespaces=false", "--num_threads=1",
                          "--input_sentence_size=0", "--max_sentence_length=100000"},
                         log));
  if (status != 0) {
    const auto output = read_file(log);
    const std::string last =
        output ? output->substr(output->size() - std::min<std::size_t>(output->size(), 300))
               : std::string();
    return fail(status == 127 ? ErrorCode::unavailable : ErrorCode::internal,
                fmt::format("{} ended with status {}: {}", program, status, last),
                status == 127 ? "install the training stack: script/setup --all"
                              : "ask for fewer vocabulary pieces");
  }
  WATTLE_TRY(const std::string vocabulary, read_file(model.string() + ".vocab"));
  return parse_vocabulary(vocabulary);
}

}  // namespace wattle::learn
