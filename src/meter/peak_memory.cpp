#include "meter/peak_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <limits>

namespace wattle::meter {

std::optional<std::uint64_t> parse_peak_rss(std::string_view status) {
  constexpr std::string_view kField = "VmHWM:";
  while (!status.empty()) {
    const auto end = status.find('\n');
    const std::string_view line = status.substr(0, end);
    status.remove_prefix(end == std::string_view::npos ? status.size() : end + 1);
    if (!line.starts_with(kField)) continue;
    const std::string_view value = trim(line.substr(kField.size()));
    std::uint64_t kib = 0;
    const auto [next, error] = std::from_chars(value.data(), value.data() + value.size(), kib);
    const std::string_view unit = value.substr(static_cast<std::size_t>(next - value.data()));
    if (error != std::errc{} || trim(unit) != "kB") return std::nullopt;
    if (kib > std::numeric_limits<std::uint64_t>::max() / 1024) return std::nullopt;
    return kib * 1024;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> peak_rss_bytes(const FsRoot& root) {
  const auto status = root.read_text("/proc/self/status");
  if (!status) return std::nullopt;
  return parse_peak_rss(*status);
}

bool reset_peak_rss(const FsRoot& root) {
  const auto path = root.resolve("/proc/self/clear_refs");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, "5", 1) == 1;
  ::close(fd);
  return written;
}

}  // namespace wattle::meter
