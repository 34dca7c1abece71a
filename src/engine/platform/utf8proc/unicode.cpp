#include "engine/tokenizer/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

using CodePoint = utf8proc_int32_t;

constexpr std::size_t kLongestDecomposition = 18;  // U+FDFA, by compatibility
constexpr CodePoint kDottedCapitalI = 0x130;       // the one character with a longer lower case
constexpr CodePoint kCombiningDot = 0x307;

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

template <class Use>
void for_each_code_point(std::string_view text, const Use& use) {
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    use(static_cast<CodePoint>(utf8_code_point(text, length)));
    text.remove_prefix(length);
  }
}

std::string as_utf8(const std::vector<CodePoint>& points) {
  std::string text;
  text.reserve(points.size());
  for (const CodePoint point : points) append_utf8(static_cast<std::uint32_t>(point), text);
  return text;
}

void append_decomposed(CodePoint point, int options, std::vector<CodePoint>& points) {
  std::array<CodePoint, kLongestDecomposition> parts{};
  int boundary = 0;
  const utf8proc_ssize_t n =
      utf8proc_decompose_char(point, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                              static_cast<utf8proc_option_t>(options), &boundary);
  if (n < 0 || static_cast<std::size_t>(n) > parts.size()) {
    points.push_back(point);
  } else {
    points.insert(points.end(), parts.begin(), parts.begin() + n);
  }
}

utf8proc_propval_t combining_class(CodePoint point) {
  return utf8proc_get_property(point)->combining_class;
}

// UAX #15, canonical ordering: marks by their class, equal ones as they stand. The library's own
// sort is quadratic in a run of marks.
void order_marks(std::span<CodePoint> run) {
  struct Mark {
    utf8proc_propval_t combining_class = 0;
    std::size_t place = 0;
    CodePoint point = 0;
    auto operator<=>(const Mark&) const = default;
  };
  std::vector<Mark> marks;
  marks.reserve(run.size());
  for (const CodePoint point : run) marks.push_back({combining_class(point), marks.size(), point});
  std::ranges::sort(marks);
  for (std::size_t i = 0; i < marks.size(); ++i) run[i] = marks[i].point;
}

void order_all_marks(std::span<CodePoint> points) {
  const auto is_mark = [](CodePoint point) { return combining_class(point) != 0; };
  for (auto begin = std::ranges::find_if(points, is_mark); begin != points.end();) {
    const auto end = std::find_if_not(begin, points.end(), is_mark);
    if (end - begin > 1) order_marks({begin, end});
    begin = std::find_if(end, points.end(), is_mark);
  }
}

}  // namespace

std::string to_normal_form(std::string_view text, NormalForm form) {
  if (is_ascii(text)) return std::string(text);
  const bool compatible = form == NormalForm::nfkc || form == NormalForm::nfkd;
  const bool composed = form == NormalForm::nfc || form == NormalForm::nfkc;
  const int options = UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0);
  std::vector<CodePoint> points;
  points.reserve(text.size());
  for_each_code_point(text, [&](CodePoint point) {
    append_decomposed(point, options | UTF8PROC_DECOMPOSE, points);
  });
  order_all_marks(points);
  if (composed) {
    const utf8proc_ssize_t n = utf8proc_normalize_utf32(
        points.data(), static_cast<utf8proc_ssize_t>(points.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (n >= 0) points.resize(static_cast<std::size_t>(n));
  }
  return as_utf8(points);
}

std::string to_lower_case(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for_each_code_point(text, [&](CodePoint point) {
    append_utf8(static_cast<std::uint32_t>(utf8proc_tolower(point)), lower);
    if (point == kDottedCapitalI) append_utf8(kCombiningDot, lower);
  });
  return lower;
}

std::string without_marks(std::string_view text) {
  std::string rest;
  rest.reserve(text.size());
  for_each_code_point(text, [&](CodePoint point) {
    const utf8proc_category_t category = utf8proc_category(point);
    const bool is_mark = category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
                         category == UTF8PROC_CATEGORY_ME;
    if (!is_mark) append_utf8(static_cast<std::uint32_t>(point), rest);
  });
  return rest;
}

}  // namespace wattle::engine
