#include "lab/machine.hpp"

#include <charconv>
#include <set>
#include <string>
#include <string_view>

#include "base/cpu_budget.hpp"

namespace wattle::lab {
namespace {

// The value behind "key" of the first line "key : value".
std::string value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || trim(line.substr(0, colon)) != key) continue;
    return std::string(trim(line.substr(colon + 1)));
  }
  return {};
}

void add_cpu(Json& machine, const FsRoot& root) {
  const auto text = root.read_text("/proc/cpuinfo", 16U << 20);
  if (!text) return;
  for (const char* key : {"model name", "Model", "Hardware", "CPU implementer"}) {
    const std::string value = value_of(*text, key);
    if (value.empty()) continue;
    machine["cpu"] = value;
    return;
  }
}

void add_memory(Json& machine, const FsRoot& root) {
  const auto text = root.read_text("/proc/meminfo");
  if (!text) return;
  const std::string kib = value_of(*text, "MemTotal");
  std::uint64_t value = 0;
  if (std::from_chars(kib.data(), kib.data() + kib.size(), value).ec == std::errc{}) {
    machine["memory_bytes"] = value * 1024;
  }
}

void add_line(Json& machine, const FsRoot& root, const char* key, const char* path) {
  if (const auto text = root.read_text(path)) {
    if (const auto line = trim(*text); !line.empty()) machine[key] = std::string(line);
  }
}

// Governors of all cores: usually one name.
void add_governor(Json& machine, const FsRoot& root) {
  const auto cpus = root.list("/sys/devices/system/cpu");
  if (!cpus) return;
  std::set<std::string> governors;
  for (const auto& cpu : *cpus) {
    const auto text =
        root.read_text("/sys/devices/system/cpu/" + cpu + "/cpufreq/scaling_governor");
    if (text && !trim(*text).empty()) governors.insert(std::string(trim(*text)));
  }
  std::string names;
  for (const auto& governor : governors) names += (names.empty() ? "" : ", ") + governor;
  if (!names.empty()) machine["governor"] = names;
}

}  // namespace

Json describe_machine(const FsRoot& root) {
  Json machine = Json::object();
  add_cpu(machine, root);
  machine["cores"] = allowed_cores(root);
  add_memory(machine, root);
  add_line(machine, root, "kernel", "/proc/sys/kernel/osrelease");
  add_governor(machine, root);
  add_line(machine, root, "load_average", "/proc/loadavg");
  if (machine.contains("load_average")) {
    // "0.12 0.20 0.18 1/312 4711": the averages alone.
    auto text = machine["load_average"].get<std::string>();
    for (std::size_t i = 0, spaces = 0; i < text.size(); ++i) {
      if (text[i] == ' ' && ++spaces == 3) text.resize(i);
    }
    machine["load_average"] = text;
  }
  return machine;
}

}  // namespace wattle::lab
