#include "sense/machine.hpp"

#include <string_view>

namespace wattle::sense {

Machine machine_of(const FsRoot& root) {
  constexpr std::size_t kLargestCpuinfo = 16U << 20;
  const auto text = root.read_text("/proc/cpuinfo", kLargestCpuinfo);
  if (!text) return Machine::unknown;
  if (text->find("CPU implementer") != std::string::npos) return Machine::arm;
  const auto flags = text->find("\nflags");
  if (flags == std::string::npos) return Machine::unknown;
  const std::string_view line =
      std::string_view(*text).substr(flags + 1, text->find('\n', flags + 1) - flags - 1);
  return line.find(" hypervisor") != std::string_view::npos ? Machine::virtual_x86
                                                            : Machine::physical_x86;
}

}  // namespace wattle::sense
