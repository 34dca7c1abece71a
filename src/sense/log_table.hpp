#pragma once
// Tables as text (CSV by RFC 4180, with the freedoms tools take), read row by row.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::sense {

constexpr std::size_t kLongestLogLine = 1U << 20;
constexpr std::size_t kMostLogColumns = 4096;

class CsvRows {
 public:
  // `text` must outlive the reader. A byte-order mark is passed over.
  explicit CsvRows(std::string_view text);

  // The next row into `cells`, white space around unquoted cells removed; false at the end. Blank
  // rows have one empty cell. A quoted cell may contain line ends. A row longer than
  // kLongestLogLine or with more cells than kMostLogColumns is an error (`invalid_format`).
  [[nodiscard]] Result<bool> next(std::vector<std::string>& cells);

  // The rest of the physical line at the start of the next row, and past it.
  [[nodiscard]] std::string_view take_line();
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] std::size_t line() const { return line_; }  // number of the row read last, from 1
  // The row read last ended with the text and not with a line end: it may be cut off.
  [[nodiscard]] bool unfinished() const { return unfinished_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;
  std::size_t next_line_ = 1;
  bool unfinished_ = false;
};

// Columns of a header by name: case and what surrounds it do not matter.
class Header {
 public:
  explicit Header(const std::vector<std::string>& cells);
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  [[nodiscard]] std::optional<std::size_t> first_of(
      std::initializer_list<std::string_view> names) const;
  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }  // lower case

 private:
  std::vector<std::string> names_;
};

[[nodiscard]] std::string lower_case(std::string_view text);
// A finite number and nothing else.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);
// A finite number, perhaps with a unit behind it: "25.31 W" gives 25.31 and "W".
struct NumberWithUnit {
  double value = 0.0;
  std::string unit;
};
[[nodiscard]] std::optional<NumberWithUnit> parse_number_with_unit(std::string_view text);

}  // namespace wattle::sense
