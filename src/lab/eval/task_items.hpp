#pragma once
// Questions with right answers, from JSON Lines: Wattle's own suites, question/answer files, and
// Natural Questions. Format: docs/formats/tasks.md.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::lab {

struct TaskItem {
  std::string id;
  std::string text;                // what is put to the model: a prompt, or a question
  bool is_question = false;        // `text` is a bare question that a prompt is made of
  std::vector<std::string> any;    // one of these is right
  std::vector<std::string> every;  // a suite's `expect`: every one must occur in the answer
};

struct TaskFile {
  std::vector<TaskItem> items;   // those with a right answer
  std::size_t n_unanswered = 0;  // lines without one: they cannot be judged and are left out
};

// `source` names the file in errors, which carry the line. Blank lines are skipped.
[[nodiscard]] Result<TaskFile> parse_tasks(std::string_view text, const std::string& source);
[[nodiscard]] Result<TaskFile> load_tasks(const std::filesystem::path& file);

}  // namespace wattle::lab
