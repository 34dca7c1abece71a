#include "sense/log_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/fs_root.hpp"

namespace wattle::sense {

CsvRows::CsvRows(std::string_view text) : text_(text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
}

std::string_view CsvRows::take_line() {
  const auto end = text_.find('\n', at_);
  const std::string_view line = text_.substr(at_, end - at_);
  unfinished_ = end == std::string_view::npos;
  at_ = unfinished_ ? text_.size() : end + 1;
  line_ = next_line_++;
  return trim(line);
}

Result<bool> CsvRows::next(std::vector<std::string>& cells) {
  cells.clear();
  if (at_ >= text_.size()) return false;
  line_ = next_line_;
  const std::size_t begin = at_;
  std::string cell;
  bool quoted = false;     // this cell was
  bool in_quotes = false;  // this byte is
  const auto finish_cell = [&] {
    cells.push_back(quoted ? cell : std::string(trim(cell)));
    cell.clear();
    quoted = false;
  };
  unfinished_ = true;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (at_ - begin > kLongestLogLine || cells.size() >= kMostLogColumns) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("line {} is longer than a line of a log can be", line_));
    }
    if (c == '\n') ++next_line_;
    if (in_quotes) {
      if (c != '"') {
        cell += c;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        cell += '"';
        ++at_;
      } else {
        in_quotes = false;
      }
    } else if (c == '"' && trim(cell).empty() && !quoted) {
      cell.clear();
      quoted = in_quotes = true;
    } else if (c == ',') {
      finish_cell();
    } else if (c == '\n') {
      unfinished_ = false;
      break;
    } else if (!quoted) {
      cell += c;  // what stands between a closing quote and the comma is nothing
    }
  }
  finish_cell();
  return true;
}

Header::Header(const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) names_.push_back(lower_case(trim(cell)));
}

std::optional<std::size_t> Header::find(std::string_view name) const {
  const auto it = std::find(names_.begin(), names_.end(), name);
  if (it == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(it - names_.begin());
}

std::optional<std::size_t> Header::first_of(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names) {
    if (const auto column = find(name)) return column;
  }
  return std::nullopt;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<NumberWithUnit> parse_number_with_unit(std::string_view text) {
  text = trim(text);
  const auto unit_at = text.find_first_not_of("+-.0123456789eE");
  const auto number = parse_number(text.substr(0, unit_at));
  if (!number) return std::nullopt;
  return NumberWithUnit{*number, unit_at == std::string_view::npos
                                     ? std::string()
                                     : std::string(trim(text.substr(unit_at)))};
}

}  // namespace wattle::sense
