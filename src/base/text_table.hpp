#pragma once
// A plain text table for terminals: columns as wide as their cells, numbers to the right.

#include <string>
#include <vector>

namespace wattle {

class TextTable {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  explicit TextTable(std::vector<Column> columns);
  void add_row(std::vector<std::string> cells);
  [[nodiscard]] std::string render() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Width on a terminal: UTF-8 code points, not bytes.
[[nodiscard]] std::size_t display_width(const std::string& text);

}  // namespace wattle
