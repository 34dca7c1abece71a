#include "sense/followed_file.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.hpp"

namespace wattle::sense {
namespace {

using Strings = std::vector<std::string>;

class Followed : public testing::Test {
 protected:
  void append(const std::string& text) const {
    std::ofstream(path_, std::ios::binary | std::ios::app) << text;
  }
  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "log";
  FakeClock clock_{0, std::int64_t{2'000'000'000} * 1'000'000'000};  // later than any file here
  FollowedFile file_{path_, clock_};
};

TEST_F(Followed, WholeLinesOnlyAndEachOnce) {
  append("one\r\ntwo\nthr");
  auto lines = file_.poll().value();
  EXPECT_TRUE(lines.first);
  EXPECT_EQ(lines.lines, (Strings{"one", "two"}));
  EXPECT_TRUE(file_.poll().value().lines.empty());
  append("ee\n");
  lines = file_.poll().value();
  EXPECT_FALSE(lines.first);
  EXPECT_EQ(lines.lines, Strings{"three"});
}

TEST_F(Followed, ReplacedByAnotherFileAfterTheOldOnesEnd) {
  append("one\n");
  (void)file_.poll();
  append("last of the old\n");
  std::filesystem::rename(path_, folder_.path() / "log.1");
  append("first of the new\n");
  EXPECT_EQ(file_.poll().value().lines, Strings{"last of the old"});
  const auto lines = file_.poll().value();
  EXPECT_TRUE(lines.first);
  EXPECT_EQ(lines.lines, Strings{"first of the new"});
}

TEST_F(Followed, CutShortIsReadFromItsStart) {
  append("one\ntwo\nhalf");
  (void)file_.poll();
  std::ofstream(path_, std::ios::trunc) << "new\n";
  EXPECT_EQ(file_.poll().value().lines, Strings{"new"});
}

TEST_F(Followed, NotThereThenThere) {
  EXPECT_EQ(file_.poll().error().code, ErrorCode::not_found);
  append("one\n");
  EXPECT_EQ(file_.poll().value().lines, Strings{"one"});
  std::filesystem::remove(path_);
  EXPECT_EQ(file_.poll().error().code, ErrorCode::not_found);
  append("two\n");
  EXPECT_EQ(file_.poll().value().lines, Strings{"two"});
}

TEST_F(Followed, OfALongFileTheFirstLineAndTheEnd) {
  append("header\n");
  for (int i = 0; i < 20'000; ++i) append("0123456789\n");
  append("last\n");
  const Strings lines = file_.poll().value().lines;
  EXPECT_EQ(lines.front(), "header");
  EXPECT_EQ(lines.back(), "last");
  EXPECT_LT(lines.size(), 6000U);
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) ASSERT_EQ(lines[i], "0123456789") << i;
}

TEST_F(Followed, ALineWithoutEndIsAnErrorAndThenOver) {
  append("one\n");
  (void)file_.poll();
  append(std::string(100'000, 'x'));
  EXPECT_EQ(file_.poll().error().code, ErrorCode::out_of_range);
  append("xx\ntwo\n");
  EXPECT_EQ(file_.poll().value().lines, Strings{"two"});
}

TEST_F(Followed, KnowsHowLongNothingCame) {
  append("one\n");
  (void)file_.poll();
  EXPECT_GT(file_.idle_s(), 1e6) << "the file is far older than this clock's present";
  append("two\n");
  (void)file_.poll();
  EXPECT_DOUBLE_EQ(file_.idle_s(), 0.0);
  clock_.advance_ns(7'000'000'000);
  (void)file_.poll();
  EXPECT_DOUBLE_EQ(file_.idle_s(), 7.0);
}

TEST_F(Followed, AFolderIsNoFile) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(file_.poll().error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace wattle::sense
