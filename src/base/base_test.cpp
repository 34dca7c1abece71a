#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "base/json.hpp"
#include "base/mapped_file.hpp"
#include "base/progress.hpp"
#include "base/sha256.hpp"
#include "base/test_folder.hpp"
#include "base/text_table.hpp"

namespace wattle {
namespace {

TEST(FsRoot, ReadsIntegersBelowTheRootAndNamesBadContent) {
  TestFolder folder;
  folder.write("sys/a/value", " 42 \n");
  folder.write("sys/a/garbage", "4x2\n");
  const FsRoot root(folder.path());
  EXPECT_EQ(root.read_int("/sys/a/value").value(), 42);
  const auto garbage = root.read_int("/sys/a/garbage");
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, ErrorCode::invalid_format);
  EXPECT_NE(garbage.error().what.find("4x2"), std::string::npos);
  EXPECT_EQ(root.read_int("/sys/none").error().code, ErrorCode::not_found);
}

TEST(FsRoot, WritesExistingFilesOnlyAndTellsWhatTheKernelRefuses) {
  TestFolder folder;
  folder.write("sys/min_freq", "1300500000\n");
  const FsRoot root(folder.path());
  ASSERT_TRUE(root.write_text("/sys/min_freq", "306000000"));
  EXPECT_EQ(root.read_text("/sys/min_freq").value(), "306000000");
  EXPECT_EQ(root.write_text("/sys/none", "1").error().code, ErrorCode::not_found);
  EXPECT_FALSE(root.exists("/sys/none"));
  // A kernel file that takes numbers in a range only.
  const auto refused = FsRoot("/").write_text("/proc/self/oom_score_adj", "99999");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("99999"), std::string::npos);
}

TEST(FsRoot, ListsNumbersInNumericOrder) {
  TestFolder folder;
  for (const char* name : {"zone10", "zone2", "zone1"}) folder.write(std::string("t/") + name, "");
  EXPECT_EQ(FsRoot(folder.path()).list("/t").value(),
            (std::vector<std::string>{"zone1", "zone2", "zone10"}));
}

TEST(AtomicFile, LeavesTheOldFileWhenNotCommitted) {
  TestFolder folder;
  const auto target = folder.write("x", "old");
  {
    auto file = AtomicFile::create(target);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new, half"));
  }
  EXPECT_EQ(read_file(target).value(), "old");
  EXPECT_EQ(FsRoot(folder.path()).list("/").value().size(), 1U) << "temporary file left behind";
  ASSERT_TRUE(write_file_atomically(target, "new"));
  EXPECT_EQ(read_file(target).value(), "new");
}

TEST(AtomicFile, RemovesWhatAKilledProcessLeft) {
  const TestFolder folder;
  const auto target = folder.path() / "model.gguf";
  const auto abandoned = folder.write("model.gguf.aBcDeF.tmp", "half");
  const auto young = folder.write("model.gguf.fEdCbA.tmp", "just begun");
  const auto other = folder.write("other.gguf.aBcDeF.tmp", "another target's");
  auto writing = AtomicFile::create(target);
  ASSERT_TRUE(writing);
  const auto an_hour_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path() != young) std::filesystem::last_write_time(entry.path(), an_hour_ago);
  }
  ASSERT_TRUE(write_file_atomically(target, "second writer"));
  EXPECT_FALSE(std::filesystem::exists(abandoned));
  EXPECT_TRUE(std::filesystem::exists(young));
  EXPECT_TRUE(std::filesystem::exists(other));
  ASSERT_TRUE(writing->write("first writer"));
  ASSERT_TRUE(writing->commit()) << "its file was locked, so nobody removed it";
  EXPECT_EQ(read_file(target).value(), "first writer");
}

TEST(AtomicFile, SaysWhereItCannotWrite) {
  const auto status = write_file_atomically("/nonexistent-folder/x", "y");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::not_found);
  EXPECT_NE(status.error().message().find("/nonexistent-folder/x"), std::string::npos);
}

TEST(FailErrno, NamesTheRemedyOfAFullDisk) {
  const Error error = fail_errno(ENOSPC, "cannot write x").error();
  EXPECT_EQ(error.code, ErrorCode::no_space);
  EXPECT_NE(error.message().find("Free some space"), std::string::npos);
}

TEST(MappedFile, MapsAnEmptyFileAndRefusesAFolder) {
  TestFolder folder;
  EXPECT_TRUE(MappedFile::open(folder.write("empty", "")).value().bytes().empty());
  EXPECT_FALSE(MappedFile::open(folder.path()));
}

TEST(Sha256, MatchesTheStandardVector) {
  // FIPS 180-2, "abc".
  const std::string abc = "abc";
  EXPECT_EQ(sha256_hex(std::as_bytes(std::span(abc.data(), abc.size()))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Progress, ShowsShareAndEta) {
  FakeClock clock;
  const Progress progress("train", 100, clock, Progress::Style::silent);
  EXPECT_EQ(progress.line(25, "loss 1.5", 10'000'000'000),
            "train  25 % [######                  ] ETA 0:30  loss 1.5");
}

TEST(Clock, FormatsUtc) {
  EXPECT_EQ(iso8601_utc(1'000'000'000'123'000'000), "2001-09-09T01:46:40.123Z");
}

TEST(TextTable, AlignsByDisplayWidth) {
  TextTable table({{"name"}, {"J", TextTable::Align::right}});
  table.add_row({"µ", "1.0"});
  table.add_row({"ab", "10.0"});
  EXPECT_EQ(table.render(), "name     J\n----  ----\nµ      1.0\nab    10.0\n");
}

TEST(Bytes, AreShownInDecimalUnits) {
  EXPECT_EQ(format_bytes(0), "0 bytes");
  EXPECT_EQ(format_bytes(999), "999 bytes");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(999'950), "1.0 MB");
  EXPECT_EQ(format_bytes(619'761'792), "619.8 MB");
  EXPECT_EQ(format_bytes(2'200'000'000), "2.20 GB");
}

TEST(Error, AFileSizeLimitIsAMatterOfSpace) {
  const auto error = fail_errno(EFBIG, "cannot write x").error();
  EXPECT_EQ(error.code, ErrorCode::no_space);
  EXPECT_NE(error.remedy.find("ulimit"), std::string::npos);
}

TEST(Json, TurnsExceptionsIntoErrors) {
  EXPECT_FALSE(parse_json("{", "x.json"));
  EXPECT_EQ(dump_json(Json("\xff")), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace wattle
