#pragma once
// Prompt suites: JSON Lines, {"id"?: text, "text": text, "expect"?: {any: text, …}} each.
// Format: docs/formats/manifest.md.

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace wattle::lab {

struct Prompt {
  std::string id;  // unique in the suite; "line-7" where none is given
  std::string text;
  std::vector<std::pair<std::string, std::string>> expect;  // name → text the answer must contain
};

struct Suite {
  std::string name;
  std::string sha256;  // of the file
  std::vector<Prompt> prompts;
};

// `source` names the file in errors, which carry the line. Blank lines are skipped.
[[nodiscard]] Result<std::vector<Prompt>> parse_suite(std::string_view text,
                                                      const std::string& source);
[[nodiscard]] Result<Suite> load_suite(const std::filesystem::path& file, const std::string& name);

// Every expected text occurs in the answer, ASCII letters compared without case.
[[nodiscard]] bool is_correct(const Prompt& prompt, std::string_view answer);

}  // namespace wattle::lab
