#include "sense/proc_stat.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

namespace wattle::sense {
namespace {

constexpr std::size_t kUser = 0, kNice = 1, kSystem = 2, kIdle = 3, kIowait = 4, kIrq = 5,
                      kSoftirq = 6, kSteal = 7, kFields = 8;

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

// -1 for "cpu", N for "cpuN".
std::optional<int> core_of(std::string_view line) {
  constexpr std::size_t kPrefix = 3;
  const std::string_view digits = line.substr(kPrefix, line.find(' ') - kPrefix);
  if (digits.empty()) return kAllCores;
  int core = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), core);
  if (error != std::errc{} || end != digits.data() + digits.size() || core < 0) return std::nullopt;
  return core;
}

}  // namespace

Result<std::map<int, CoreTimes>> parse_core_times(std::string_view text, std::string_view source) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 60;  // sums of eight stay in 64 bits
  std::map<int, CoreTimes> cores;
  while (text.starts_with("cpu")) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto core = core_of(line);
    const auto values = numbers_of(line);
    const bool fits = values && std::all_of(values->begin(), values->end(),
                                            [](std::uint64_t v) { return v < kMost; });
    if (!core || !fits) {
      return fail(ErrorCode::invalid_format, "expected a line 'cpu <numbers>' in " +
                                                 std::string(source) + ", found '" +
                                                 std::string(line.substr(0, 40)) + "'");
    }
    const auto& v = *values;
    cores[*core] = {v[kUser] + v[kNice] + v[kSystem] + v[kIrq] + v[kSoftirq], v[kIdle] + v[kSteal],
                    v[kIowait]};
  }
  if (!cores.contains(kAllCores)) {
    return fail(ErrorCode::invalid_format, "no line 'cpu' in " + std::string(source));
  }
  return cores;
}

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
