#include "base/gpu_devfreq.hpp"

#include <algorithm>
#include <array>

namespace wattle {
namespace {

constexpr const char* kClass = "/sys/class/devfreq";
constexpr std::array<std::string_view, 5> kGpuNames{"gpu", "ga10b", "gv11b", "gp10b", "gb10b"};

bool is_gpu_name(std::string_view name) {
  return std::find(kGpuNames.begin(), kGpuNames.end(), name) != kGpuNames.end();
}

// Texts of the device tree end in a NUL.
bool is_gpu_node(const FsRoot& root, const std::string& folder) {
  const auto name = root.read_text(folder + "/device/of_node/name");
  if (!name) return false;
  return is_gpu_name(trim(std::string_view(*name).substr(0, name->find('\0'))));
}

// "17000000.ga10b"
bool is_gpu_device(std::string_view name) {
  const auto dot = name.find('.');
  return dot != std::string_view::npos && is_gpu_name(name.substr(dot + 1));
}

bool has_clock(const FsRoot& root, const std::string& folder) {
  return root.exists(folder + "/cur_freq");
}

}  // namespace

Result<std::string> find_gpu_devfreq(const FsRoot& root) {
  std::string thor = std::string(kClass) + "/gpu-gpc-0";
  if (has_clock(root, thor)) return thor;
  for (const std::string& name : root.list(kClass).value_or(std::vector<std::string>{})) {
    std::string folder = std::string(kClass) + "/" + name;
    if (is_gpu_node(root, folder) && has_clock(root, folder)) return folder;
  }
  for (const std::string parent :
       {"/sys/devices", "/sys/devices/platform", "/sys/devices/platform/bus@0"}) {
    for (const std::string& name : root.list(parent).value_or(std::vector<std::string>{})) {
      if (!is_gpu_device(name)) continue;
      std::string folder = parent + "/" + name + "/devfreq/" + name;
      if (has_clock(root, folder)) return folder;
    }
  }
  return fail(ErrorCode::unavailable,
              "no GPU below " + root.resolve(kClass).string() + " or /sys/devices",
              "Boards whose GPU the kernel drives by devfreq have one; for a GPU with NVIDIA's "
              "desktop driver NVML is used.");
}

}  // namespace wattle
