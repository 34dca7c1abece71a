// The house keeps its own promises: include direction is enforced, the documents name files that
// exist.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>

#include "base/atomic_file.hpp"
#include "wattle_folders.hpp"

namespace wattle {
namespace {

int run_script(const std::string& command) {
  const int status = std::system((command + " >/dev/null 2>&1").c_str());
  return WEXITSTATUS(status);
}

TEST(House, IncludeDirectionIsEnforced) {
  const std::string script = WATTLE_SOURCE_DIR "/script/check-includes ";
  const std::string fixtures = "tests/fixtures/include_direction/";
  EXPECT_EQ(run_script(script + fixtures + "good"), 0);
  EXPECT_EQ(run_script(script + fixtures + "bad"), 1);
  EXPECT_EQ(run_script(script + "src"), 0);
}

// Every `path` in backticks that looks like a file of ours must exist.
TEST(House, DocumentsNameFilesThatExist) {
  const std::filesystem::path root = WATTLE_SOURCE_DIR;
  const std::regex in_backticks(
      "`((?:src|docs|script|tests|manifests|prompts|models|fuzz|bench|deploy|cmake)/[\\w./-]+)`");
  std::vector<std::filesystem::path> documents{root / "README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  }
  std::size_t n_references = 0;
  for (const auto& document : documents) {
    const std::string text = read_file(document).value();
    for (std::sregex_iterator it(text.begin(), text.end(), in_backticks), end; it != end; ++it) {
      const std::string reference = (*it)[1];
      if (reference.find("...") != std::string::npos) continue;
      ++n_references;
      EXPECT_TRUE(std::filesystem::exists(root / reference)) << document << " names " << reference;
    }
  }
  EXPECT_GT(n_references, 10U);
}

}  // namespace
}  // namespace wattle
