// Writer and parser together: what is written is read back, value for value.
#include "engine/gguf.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "base/test_folder.hpp"
#include "engine/gguf_writer.hpp"

namespace wattle::engine {
namespace {

std::filesystem::path shared_data() {
  const char* shared = std::getenv("WATTLE_SHARED");
  return shared != nullptr ? std::filesystem::path(shared)
                           : std::filesystem::path(WATTLE_SOURCE_DIR) / "../shared/data";
}

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

TEST(Gguf, EveryReferenceFileOpensOrNamesItsUnsupportedType) {
  if (!std::filesystem::exists(shared_data())) GTEST_SKIP() << "no reference data here";
  int opened = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(shared_data())) {
    if (entry.path().extension() != ".gguf") continue;
    const auto file = GgufFile::open(entry.path());
    if (file) {
      ++opened;
      continue;
    }
    ++refused;
    EXPECT_EQ(file.error().code, ErrorCode::unsupported) << file.error().message();
    EXPECT_NE(file.error().what.find("is not supported yet"), std::string::npos)
        << file.error().message();
  }
  EXPECT_GE(opened, 17);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace wattle::engine
