#include "control/virtual_tree.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/test_folder.hpp"
#include "sense/test_board.hpp"

namespace wattle::control {
namespace {

namespace fs = std::filesystem;

TEST(VirtualTree, AFolderOfSomebodyElseIsNeverTouched) {
  const TestFolder folder;
  const auto precious = folder.write("sys/precious", "data");
  const auto tree = VirtualTree::claim(folder.path());
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(tree.error().message().find("not empty"), std::string::npos);
  EXPECT_TRUE(fs::exists(precious));
  EXPECT_FALSE(fs::exists(folder.path() / kVirtualMarker));
}

TEST(VirtualTree, AFolderThatMayNotBeWrittenSaysSo) {
  const TestFolder folder;
  ::chmod(folder.path().c_str(), 0555);
  const sense::OrdinaryUser user;
  for (const auto& path : {folder.path(), folder.path() / "device"}) {
    const auto tree = VirtualTree::claim(path);
    ASSERT_FALSE(tree) << path;
    EXPECT_EQ(tree.error().code, ErrorCode::permission_denied) << tree.error().message();
  }
}

TEST(VirtualTree, AMarkerThatIsALinkIsNoMarker) {
  const TestFolder folder;
  folder.write("elsewhere", "");
  fs::create_symlink("elsewhere", folder.path() / kVirtualMarker);
  EXPECT_FALSE(VirtualTree::claim(folder.path()));
}

TEST(VirtualTree, TwoDevicesDoNotDriveOneFolder) {
  const TestFolder folder;
  {
    auto first = VirtualTree::claim(folder.path());
    ASSERT_TRUE(first) << first.error().message();
    ASSERT_TRUE(first->write("/sys/x", "1\n"));
    const auto second = VirtualTree::claim(folder.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_TRUE(first->root().exists("/sys/x")) << "the second emptied nothing";
  }
  EXPECT_TRUE(VirtualTree::claim(folder.path())) << "the lock ends with its holder";
}

TEST(VirtualTree, WhatAKilledDeviceLeftIsReplaced) {
  const TestFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    auto tree = VirtualTree::claim(folder.path());
    (void)tree->write("/sys/old", "1\n");
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(fs::exists(folder.path() / "sys/old"));
  const auto tree = VirtualTree::claim(folder.path());
  ASSERT_TRUE(tree) << tree.error().message();
  EXPECT_FALSE(tree->root().exists("/sys/old"));
}

TEST(VirtualTree, AnOpenFileKeepsItsWholeOldTextWhileTheNameHasTheNewOne) {
  const TestFolder folder;
  auto tree = VirtualTree::claim(folder.path()).value();
  ASSERT_TRUE(tree.write("/sys/deep/value", "100\n"));
  std::ifstream open_before(folder.path() / "sys/deep/value");
  ASSERT_TRUE(tree.write("/sys/deep/value", "2\n"));
  std::string line;
  std::getline(open_before, line);
  EXPECT_EQ(line, "100");
  EXPECT_EQ(tree.root().read_int("/sys/deep/value").value(), 2);
}

TEST(VirtualTree, AFullDiskLeavesTheOldFileAndSaysSo) {
  const TestFolder folder;
  auto tree = VirtualTree::claim(folder.path()).value();
  ASSERT_TRUE(tree.write("/sys/value", "1\n"));
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before{};
  ::sigaction(SIGXFSZ, &ignore, &before);
  struct rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  struct rlimit full = old_limit;
  full.rlim_cur = 4;
  ::setrlimit(RLIMIT_FSIZE, &full);
  const auto written = tree.write("/sys/value", "1234567890\n");
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  ::sigaction(SIGXFSZ, &before, nullptr);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::no_space);
  EXPECT_NE(written.error().what.find("sys/value"), std::string::npos);
  EXPECT_EQ(tree.root().read_text("/sys/value").value(), "1\n");
  EXPECT_TRUE(tree.write("/sys/value", "1234567890\n")) << "goes on once there is room";
}

TEST(VirtualTree, AFolderRemovedUnderneathIsAnErrorNotANewFolder) {
  const TestFolder folder;
  auto tree = VirtualTree::claim(folder.path() / "device").value();
  ASSERT_TRUE(tree.write("/sys/value", "1\n"));
  fs::remove_all(folder.path() / "device");
  const auto written = tree.write("/sys/value", "2\n");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::not_found);
  EXPECT_FALSE(fs::exists(folder.path() / "device"));
}

TEST(VirtualTree, RemoveTakesOursAndLeavesWhatIsNot) {
  const TestFolder folder;
  const auto device = folder.path() / "device";
  {
    auto tree = VirtualTree::claim(device).value();
    ASSERT_TRUE(tree.write("/sys/value", "1\n"));
    ASSERT_TRUE(tree.remove());
  }
  EXPECT_FALSE(fs::exists(device));
  auto tree = VirtualTree::claim(device).value();
  ASSERT_TRUE(tree.write("/sys/value", "1\n"));
  folder.write("device/notes.txt", "mine");
  ASSERT_TRUE(tree.remove());
  EXPECT_TRUE(fs::exists(device / "notes.txt"));
  EXPECT_FALSE(fs::exists(device / "sys"));
  EXPECT_FALSE(fs::exists(device / kVirtualMarker));
}

TEST(VirtualTree, LinksAreRelativeSoThatTheFolderCanBeMoved) {
  const TestFolder folder;
  {
    auto tree = VirtualTree::claim(folder.path() / "a").value();
    ASSERT_TRUE(tree.write("/sys/devices/gpu/cur_freq", "306000000\n"));
    ASSERT_TRUE(tree.link("/sys/class/devfreq/gpu", "/sys/devices/gpu"));
    ASSERT_TRUE(tree.write_program("/usr/bin/tool", "#!/bin/sh\n"));
  }
  fs::rename(folder.path() / "a", folder.path() / "b");
  const FsRoot moved(folder.path() / "b");
  EXPECT_EQ(moved.read_int("/sys/class/devfreq/gpu/cur_freq").value(), 306000000);
  EXPECT_EQ(::access((folder.path() / "b/usr/bin/tool").c_str(), X_OK), 0);
}

}  // namespace
}  // namespace wattle::control
