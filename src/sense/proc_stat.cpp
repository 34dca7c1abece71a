#include "sense/proc_stat.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

namespace wattle::sense {
namespace {

constexpr std::size_t kUser = 0, kNice = 1, kSystem = 2, kIrq = 5, kSoftirq = 6, kFields = 7;

// The first numbers of a line "cpu  1 2 3 …"; older kernels have at least four.
std::optional<std::array<std::uint64_t, kFields>> numbers_of(std::string_view line) {
  std::array<std::uint64_t, kFields> values{};
  std::size_t n = 0;
  const char* at = line.data();
  const char* const end = line.data() + line.size();
  while (at < end && *at != ' ') ++at;  // "cpu"
  while (n < kFields) {
    while (at < end && *at == ' ') ++at;
    if (at == end) break;
    const auto [next, error] = std::from_chars(at, end, values[n]);
    if (error != std::errc{} || (next < end && *next != ' ')) return std::nullopt;
    at = next;
    ++n;
  }
  constexpr std::size_t kFewest = 4;
  if (n < kFewest) return std::nullopt;
  return values;
}

}  // namespace

Result<CpuTimes> parse_proc_stat(std::string_view text, std::string_view source) {
  const auto bad = [&](std::string_view line) {
    return fail(ErrorCode::invalid_format, "expected a line 'cpu <numbers>' in " +
                                               std::string(source) + ", found '" +
                                               std::string(line.substr(0, 40)) + "'");
  };
  CpuTimes times;
  bool found = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with("cpu")) {
      if (!found) return bad(line);
      break;  // the processor lines come first
    }
    if (line.starts_with("cpu ")) {
      const auto values = numbers_of(line);
      if (!values || found) return bad(line);
      found = true;
      for (const std::size_t field : {kUser, kNice, kSystem, kIrq, kSoftirq}) {
        const std::uint64_t value = (*values)[field];
        if (value > std::numeric_limits<std::uint64_t>::max() - times.busy_ticks) return bad(line);
        times.busy_ticks += value;
      }
    } else {
      ++times.n_cores;
    }
  }
  if (!found || times.n_cores == 0) return bad(found ? "no line 'cpu0'" : "nothing");
  return times;
}

}  // namespace wattle::sense
