#include "engine/template/number_text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

struct SignedDigits {
  bool negative = false;
  std::string digits;  // lower case, without underscores
};

// Underscores may stand between two letters or digits only.
std::optional<SignedDigits> clean(std::string_view text) {
  text = strip(text, std::nullopt, Sides::both);
  SignedDigits cleaned;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    cleaned.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() == '_' || text.back() == '_') return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      cleaned.digits += lower(text[i]);
    } else if (text[i + 1] == '_') {
      return std::nullopt;
    }
  }
  return cleaned;
}

bool is_float(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - begin;
  };
  std::size_t n_digits = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    n_digits += digits();
  }
  if (n_digits == 0) return false;
  if (at < text.size() && text[at] == 'e') {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(number),
                                     std::chars_format::scientific);
  const std::string_view shortest(buffer.data(),
                                  static_cast<std::size_t>(written.ptr - buffer.data()));
  const std::size_t e = shortest.find('e');
  std::string digits(1, shortest[0]);
  if (e > 1) digits += shortest.substr(2, e - 2);
  int exponent = 0;
  const std::size_t sign = shortest[e + 1] == '+' ? 2 : 1;
  std::from_chars(shortest.data() + e + sign, shortest.data() + shortest.size(), exponent);
  const std::string_view sign_text = std::signbit(number) ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    const std::string_view rest = std::string_view(digits).substr(1);
    return fmt::format("{}{}{}{}e{:+03}", sign_text, digits[0], rest.empty() ? "" : ".", rest,
                       exponent);
  }
  if (exponent < 0)
    return fmt::format("{}0.{:0>{}}", sign_text, digits,
                       digits.size() + static_cast<std::size_t>(-exponent - 1));
  const auto before_point = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < before_point) digits.append(before_point - digits.size(), '0');
  const std::string_view all = digits;
  const std::string_view fraction = all.substr(before_point);
  return fmt::format("{}{}.{}", sign_text, all.substr(0, before_point),
                     fraction.empty() ? "0" : fraction);
}

std::optional<double> parse_float(std::string_view text) {
  const auto cleaned = clean(text);
  if (!cleaned) return std::nullopt;
  const std::string& digits = cleaned->digits;
  double number = 0;
  if (digits == "inf" || digits == "infinity") {
    number = std::numeric_limits<double>::infinity();
  } else if (digits == "nan") {
    number = std::numeric_limits<double>::quiet_NaN();
  } else if (is_float(digits)) {
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (read.ec == std::errc::result_out_of_range) {
      // from_chars leaves the number alone: too large, or too small to be told from zero.
      const std::size_t e = digits.find('e');
      const bool small = e != std::string::npos ? digits[e + 1] == '-' : digits[0] == '0';
      number = small ? 0.0 : std::numeric_limits<double>::infinity();
    }
  } else {
    return std::nullopt;
  }
  return cleaned->negative ? -number : number;
}

std::optional<std::int64_t> parse_integer(std::string_view text, int base) {
  auto cleaned = clean(text);
  if (!cleaned) return std::nullopt;
  std::string_view digits = cleaned->digits;
  const std::string_view prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && digits.starts_with(prefix)) digits.remove_prefix(2);
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  const std::string number = fmt::format("{}{}", cleaned->negative ? "-" : "", digits);
  std::int64_t value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value, base);
  if (read.ec != std::errc{} || read.ptr != number.data() + number.size()) return std::nullopt;
  return value;
}

}  // namespace wattle::engine::jinja
