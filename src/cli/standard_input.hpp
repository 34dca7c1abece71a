#pragma once
// Standard input that a Ctrl-C ends (plain reads would be restarted by the system).

#include <string>

#include "base/result.hpp"

namespace wattle::cli {

[[nodiscard]] bool standard_input_is_terminal();
// All of it, at most 64 MB.
[[nodiscard]] Result<std::string> read_standard_input();

// Lines of standard input, one at a time.
class LineReader {
 public:
  // False: the end, or interrupted() (which is then still set). The line has no newline.
  bool next(std::string& line);

 private:
  std::string buffer_;
  bool ended_ = false;
};

}  // namespace wattle::cli
