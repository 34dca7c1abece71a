#include "base/gpu_devfreq.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"

namespace wattle {
namespace {

using namespace std::string_literals;

std::string found(const TestFolder& tree) {
  return find_gpu_devfreq(FsRoot(tree.path())).value_or("none");
}

TEST(GpuDevfreq, IsFoundByTheNameInTheDeviceTree) {
  for (const char* name : {"gpu", "ga10b", "gv11b", "gp10b", "gb10b"}) {
    const TestFolder tree;
    tree.write("sys/class/devfreq/15340000.vic/device/of_node/name", "vic\0"s);
    tree.write("sys/class/devfreq/15340000.vic/cur_freq", "1\n");
    tree.write("sys/class/devfreq/57000000.x/device/of_node/name", name + "\0"s);
    tree.write("sys/class/devfreq/57000000.x/cur_freq", "1\n");
    EXPECT_EQ(found(tree), "/sys/class/devfreq/57000000.x") << name;
  }
}

TEST(GpuDevfreq, IsFoundAtTheSeenPathsWithoutTheClassFolder) {
  for (const std::string folder :
       {"/sys/devices/17000000.ga10b/devfreq/17000000.ga10b",
        "/sys/devices/platform/17000000.gpu/devfreq/17000000.gpu",
        "/sys/devices/platform/bus@0/17000000.gpu/devfreq/17000000.gpu"}) {
    const TestFolder tree;
    tree.write(folder.substr(1) + "/cur_freq", "306000000\n");
    EXPECT_EQ(found(tree), folder);
  }
}

TEST(GpuDevfreq, OnThorTheGraphicsClustersAreTaken) {
  const TestFolder tree;
  tree.write("sys/class/devfreq/gpu-gpc-0/cur_freq", "1\n");
  tree.write("sys/class/devfreq/gpu-nvd-0/cur_freq", "1\n");
  tree.write("sys/class/devfreq/gpu-nvd-0/device/of_node/name", "gpu");
  EXPECT_EQ(found(tree), "/sys/class/devfreq/gpu-gpc-0");
}

TEST(GpuDevfreq, AnythingElseIsNoGpu) {
  const TestFolder tree;
  tree.write("sys/class/devfreq/2c60000.emc/device/of_node/name", "emc\0"s);
  tree.write("sys/class/devfreq/17000000.gpu/device/of_node/name", "gpu\0"s);  // without clocks
  tree.write("sys/devices/platform/15340000.vic/devfreq/15340000.vic/cur_freq", "1\n");
  const auto none = find_gpu_devfreq(FsRoot(tree.path()));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(none.error().remedy.empty());
}

}  // namespace
}  // namespace wattle
