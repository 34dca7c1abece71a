// Writer and parser together: what is written is read back, value for value.
#include "engine/gguf.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "base/test_shared.hpp"
#include "engine/gguf_writer.hpp"
#include "wattle_folders.hpp"

namespace wattle::engine {
namespace {

GgufWriter::Producer bytes_of(std::vector<float> values) {
  return [values = std::move(values)](const GgufWriter::Sink& sink) {
    return sink(std::as_bytes(std::span(values)));
  };
}

TEST(Gguf, WhatIsWrittenIsReadBack) {
  const TestFolder folder;
  GgufWriter writer;
  writer.set_string("general.architecture", "llama");
  writer.set_uint32("llama.block_count", 7);
  writer.set_uint64("big", std::uint64_t{1} << 63);
  writer.set_float32("epsilon", 1e-5F);
  writer.set_bool("flag", true);
  writer.set_strings("tokens", {"a", "", std::string("\0b", 2)});
  writer.set_floats32("scores", {-1.5F, 0.0F});
  writer.set_ints32("types", {-3, 6});
  writer.add_tensor("first", TensorType::f32, {3, 1}, bytes_of({1, 2, 3}));
  writer.add_tensor("second", TensorType::f32, {2, 2}, bytes_of({4, 5, 6, 7}));
  std::uint64_t last_done = 0;
  std::uint64_t last_total = 0;
  ASSERT_TRUE(writer.write(folder.path() / "x.gguf", [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last_done);
    last_done = done;
    last_total = total;
  }));

  const auto file = GgufFile::open(folder.path() / "x.gguf");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->version(), 3U);
  EXPECT_EQ(file->alignment(), 32U);
  EXPECT_EQ(file->metadata().size(), 8U);
  EXPECT_EQ(*file->require_string("general.architecture"), "llama");
  EXPECT_EQ(*file->require_uint("llama.block_count"), 7U);
  EXPECT_EQ(*file->require_uint("big"), std::uint64_t{1} << 63);
  EXPECT_EQ(**file->get_float("epsilon"), static_cast<double>(1e-5F));
  EXPECT_EQ(**file->get_bool("flag"), true);
  EXPECT_EQ(std::get<std::vector<std::string>>(file->find_array("tokens")->values),
            (std::vector<std::string>{"a", "", std::string("\0b", 2)}));
  EXPECT_EQ(std::get<std::vector<double>>(file->find_array("scores")->values),
            (std::vector<double>{-1.5, 0.0}));
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(file->find_array("types")->values),
            (std::vector<std::int64_t>{-3, 6}));
  ASSERT_EQ(file->tensors().size(), 2U);
  const TensorInfo* second = file->find_tensor("second");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->shape, (std::vector<std::uint64_t>{2, 2}));
  EXPECT_EQ(second->offset, 32U);  // 12 bytes, padded to the alignment
  std::vector<float> values(4);
  const auto bytes = file->tensor_bytes(*second);
  ASSERT_EQ(bytes.size(), 16U);
  std::memcpy(values.data(), bytes.data(), 16);
  EXPECT_EQ(values, (std::vector<float>{4, 5, 6, 7}));
  EXPECT_EQ(last_done, file->file_bytes());
  EXPECT_EQ(last_total, file->file_bytes());
}

TEST(GgufWriter, SettingAKeyAgainReplacesItsValue) {
  const TestFolder folder;
  GgufWriter writer;
  writer.set_uint32("n", 1);
  writer.set_string("s", "kept");
  writer.set_string("n", "two");
  ASSERT_TRUE(writer.write(folder.path() / "x.gguf"));
  const auto file = GgufFile::open(folder.path() / "x.gguf");
  ASSERT_TRUE(file);
  ASSERT_EQ(file->metadata().size(), 2U);
  EXPECT_EQ(file->metadata()[0].first, "n");  // in its old place
  EXPECT_EQ(*file->require_string("n"), "two");
}

TEST(GgufWriter, CopiesEveryMetadataTypeUnchanged) {
  const TestFolder folder;
  const auto seed = GgufFile::open(std::filesystem::path(WATTLE_SOURCE_DIR) /
                                   "fuzz/corpus/gguf/valid-every-value-type.gguf");
  ASSERT_TRUE(seed);
  GgufWriter writer;
  for (const auto& [key, value] : seed->metadata()) writer.set(key, value);
  ASSERT_TRUE(writer.write(folder.path() / "copy.gguf"));
  const auto original = read_file(seed->source());
  const auto copy = read_file(folder.path() / "copy.gguf");
  ASSERT_TRUE(original && copy);
  EXPECT_EQ(copy->substr(0, original->size()), *original);
  EXPECT_EQ(copy->find_first_not_of('\0', original->size()), std::string::npos);  // padding
}

TEST(GgufWriter, HonoursTheAlignmentKey) {
  const TestFolder folder;
  GgufWriter writer;
  writer.set_uint32("general.alignment", 128);
  writer.add_tensor("a", TensorType::f32, {1}, bytes_of({1}));
  writer.add_tensor("b", TensorType::f32, {1}, bytes_of({2}));
  ASSERT_TRUE(writer.write(folder.path() / "x.gguf"));
  const auto file = GgufFile::open(folder.path() / "x.gguf");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->find_tensor("b")->offset, 128U);
  EXPECT_EQ(std::to_integer<int>(file->tensor_bytes(*file->find_tensor("b"))[3]), 0x40);  // 2.0F
}

// Each wrong declaration is refused, and nothing is left in the folder.
TEST(GgufWriter, RefusesWhatNoReaderWouldTake) {
  const std::vector<std::pair<const char*, std::function<void(GgufWriter&)>>> cases{
      {"name of 65 bytes",
       [](GgufWriter& w) {
         w.add_tensor(std::string(65, 'n'), TensorType::f32, {1}, bytes_of({1}));
       }},
      {"no dimensions",
       [](GgufWriter& w) { w.add_tensor("t", TensorType::f32, {}, bytes_of({})); }},
      {"size 0", [](GgufWriter& w) { w.add_tensor("t", TensorType::f32, {4, 0}, bytes_of({})); }},
      {"overflow",
       [](GgufWriter& w) {
         w.add_tensor("t", TensorType::f32, {std::uint64_t{1} << 40, std::uint64_t{1} << 40},
                      bytes_of({}));
       }},
      {"part of a block",
       [](GgufWriter& w) { w.add_tensor("t", TensorType::q8_0, {31}, bytes_of({})); }},
      {"twice",
       [](GgufWriter& w) {
         w.add_tensor("t", TensorType::f32, {1}, bytes_of({1}));
         w.add_tensor("t", TensorType::f32, {1}, bytes_of({1}));
       }},
      {"too few bytes",
       [](GgufWriter& w) { w.add_tensor("t", TensorType::f32, {3}, bytes_of({1, 2})); }},
      {"too many bytes",
       [](GgufWriter& w) { w.add_tensor("t", TensorType::f32, {1}, bytes_of({1, 2})); }},
      {"empty key", [](GgufWriter& w) { w.set_bool("", true); }},
      {"alignment", [](GgufWriter& w) { w.set_uint32("general.alignment", 20); }},
      {"value of another type",
       [](GgufWriter& w) {
         w.set("k", {static_cast<std::uint32_t>(GgufType::u8), std::uint64_t{256}});
       }},
      {"file larger than the disk",
       [](GgufWriter& w) {
         w.add_tensor("t", TensorType::f32, {std::uint64_t{1} << 55}, bytes_of({}));
       }},
      {"producer fails",
       [](GgufWriter& w) {
         w.add_tensor("t", TensorType::f32, {1}, [](const GgufWriter::Sink&) -> Status {
           return fail(ErrorCode::cancelled, "stopped");
         });
       }},
  };
  for (const auto& [name, declare] : cases) {
    SCOPED_TRACE(name);
    const TestFolder folder;
    GgufWriter writer;
    declare(writer);
    const auto status = writer.write(folder.path() / "x.gguf");
    EXPECT_FALSE(status);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

TEST(GgufWriter, AFailedWriteKeepsTheOldFile) {
  const TestFolder folder;
  const auto path = folder.write("x.gguf", "old");
  GgufWriter writer;
  writer.add_tensor("t", TensorType::f32, {3}, bytes_of({1}));
  EXPECT_FALSE(writer.write(path));
  EXPECT_EQ(*read_file(path), "old");
  const auto nowhere = writer.write(folder.path() / "no/such/folder/x.gguf");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::not_found);
}

TEST(Gguf, EveryReferenceFileOpens) {
  if (!std::filesystem::exists(shared_data())) GTEST_SKIP() << "no reference data here";
  int opened = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(shared_data())) {
    if (entry.path().extension() != ".gguf") continue;
    const auto file = GgufFile::open(entry.path());
    EXPECT_TRUE(file) << file.error().message();
    ++opened;
  }
  EXPECT_GE(opened, 27);
}

}  // namespace
}  // namespace wattle::engine
