#include "base/polled_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_folder.hpp"

namespace wattle {
namespace {

TEST(PolledFile, SeesWhatIsWrittenIntoTheFile) {
  const TestFolder folder;
  folder.write("energy_uj", "1\n");
  PolledFile file(FsRoot(folder.path()), "/energy_uj");
  EXPECT_EQ(file.read_uint().value(), 1U);
  folder.write("energy_uj", "23456\n");
  EXPECT_EQ(file.read_uint().value(), 23456U);
  folder.write("energy_uj", "-7\n");
  EXPECT_EQ(file.read_int().value(), -7);
  EXPECT_EQ(file.read_uint().error().code, ErrorCode::invalid_format);
}

TEST(PolledFile, AFileThatWasReplacedIsOpenedAnewAndOneThatIsGoneIsAnError) {
  const TestFolder folder;
  folder.write("value", "1");
  PolledFile file(FsRoot(folder.path()), "/value");
  EXPECT_EQ(file.read_int().value(), 1);
  std::filesystem::rename(folder.write("new", "2"), folder.path() / "value");
  EXPECT_EQ(file.read_int().value(), 2);
  std::filesystem::remove(folder.path() / "value");
  EXPECT_EQ(file.read_int().error().code, ErrorCode::not_found);
  folder.write("value", "3");
  EXPECT_EQ(file.read_int().value(), 3);
}

TEST(PolledFile, GarbageIoErrorsAndLargeFilesAreNamed) {
  const TestFolder folder;
  folder.write("garbage", "4x2");
  folder.write("large", std::string(20'000, '1'));
  std::filesystem::create_symlink("/proc/self/mem", folder.path() / "broken");
  const FsRoot root(folder.path());
  const auto garbage = PolledFile(root, "/garbage").read_int();
  ASSERT_FALSE(garbage);
  EXPECT_NE(garbage.error().what.find("4x2"), std::string::npos);
  EXPECT_EQ(PolledFile(root, "/large", 10'000).read_text().error().code, ErrorCode::out_of_range);
  EXPECT_EQ(PolledFile(root, "/large").read_text().value().size(), 20'000U);
  EXPECT_EQ(PolledFile(root, "/broken").read_int().error().code, ErrorCode::io);
}

TEST(PolledFile, ReadsFilesOfTheKernelFromTheirBeginningEachTime) {
  PolledFile file(FsRoot("/"), "/proc/stat");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(file.read_text().value().starts_with("cpu "));
}

}  // namespace
}  // namespace wattle
