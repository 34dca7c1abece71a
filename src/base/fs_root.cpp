#include "base/fs_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace wattle {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool natural_less(const std::string& a, const std::string& b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      std::size_t i_end = i;
      std::size_t j_end = j;
      while (i_end < a.size() && is_digit(a[i_end])) ++i_end;
      while (j_end < b.size() && is_digit(b[j_end])) ++j_end;
      while (i < i_end && a[i] == '0') ++i;
      while (j < j_end && b[j] == '0') ++j;
      if (i_end - i != j_end - j) return i_end - i < j_end - j;
      const int order = a.compare(i, i_end - i, b, j, j_end - j);
      if (order != 0) return order < 0;
      i = i_end;
      j = j_end;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;
}

template <class Integer>
Result<Integer> parse_integer(std::string_view text, std::string_view source) {
  const std::string_view digits = trim(text);
  Integer value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
    return fail(ErrorCode::invalid_format, fmt::format("expected a whole number in {}, found '{}'",
                                                       source, digits.substr(0, 40)));
  }
  return value;
}

}  // namespace

Result<std::int64_t> parse_int(std::string_view text, std::string_view source) {
  return parse_integer<std::int64_t>(text, source);
}

Result<std::uint64_t> parse_uint(std::string_view text, std::string_view source) {
  return parse_integer<std::uint64_t>(text, source);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::filesystem::path FsRoot::resolve(std::string_view absolute_path) const {
  while (!absolute_path.empty() && absolute_path.front() == '/') absolute_path.remove_prefix(1);
  return root_ / absolute_path;
}

bool FsRoot::exists(std::string_view absolute_path) const {
  std::error_code ignored;
  return std::filesystem::exists(resolve(absolute_path), ignored);
}

Result<std::string> FsRoot::read_text(std::string_view absolute_path, std::size_t limit) const {
  const auto path = resolve(absolute_path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail_errno(errno, "cannot read " + path.string());
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error_number = errno;
      ::close(fd);
      return fail_errno(error_number, "cannot read " + path.string());
    }
    if (n == 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > limit) {
      ::close(fd);
      return fail(ErrorCode::out_of_range,
                  path.string() + " is larger than " + std::to_string(limit) + " bytes");
    }
  }
  ::close(fd);
  return text;
}

Result<std::int64_t> FsRoot::read_int(std::string_view absolute_path) const {
  WATTLE_TRY(const std::string text, read_text(absolute_path));
  return parse_int(text, resolve(absolute_path).string());
}

Result<std::uint64_t> FsRoot::read_uint(std::string_view absolute_path) const {
  WATTLE_TRY(const std::string text, read_text(absolute_path));
  return parse_uint(text, resolve(absolute_path).string());
}

Status FsRoot::write_text(std::string_view absolute_path, std::string_view text) const {
  const auto path = resolve(absolute_path);
  const std::string what = "cannot write '" + std::string(trim(text)) + "' to " + path.string();
  const int fd = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail_errno(errno, what);
  ssize_t n = -1;
  do {
    n = ::write(fd, text.data(), text.size());
  } while (n < 0 && errno == EINTR);
  const int error_number = errno;
  const bool closed = ::close(fd) == 0;
  if (n < 0) return fail_errno(error_number, what);
  if (!closed) return fail_errno(errno, what);
  if (static_cast<std::size_t>(n) != text.size()) {
    return fail(ErrorCode::io, what + ": only a part was taken");
  }
  return {};
}

Result<std::vector<std::string>> FsRoot::list(std::string_view absolute_path) const {
  std::vector<std::string> names;
  std::error_code error;
  const auto path = resolve(absolute_path);
  std::filesystem::directory_iterator it(path, error);
  if (error) return fail_errno(error.value(), "cannot list " + path.string());
  for (const std::filesystem::directory_iterator end; it != end; it.increment(error)) {
    if (error) return fail_errno(error.value(), "cannot list " + path.string());
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end(), natural_less);
  return names;
}

}  // namespace wattle
