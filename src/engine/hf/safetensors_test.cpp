#include "engine/hf/safetensors.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "engine/hf/test_safetensors.hpp"

namespace wattle::engine {
namespace {

Result<SafetensorsFile> parse(const std::string& text) {
  return SafetensorsFile::parse(std::as_bytes(std::span(text)), "x.safetensors");
}

TestSafetensors two_tensors() {
  TestSafetensors file;
  file.add("a.weight", "F32", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  file.add("b", "BF16", {2}, std::vector<std::uint16_t>{0x3F80, 0x4000});
  file.header()["__metadata__"] = {{"format", "pt"}};
  return file;
}

TEST(Safetensors, TensorsLieWhereTheHeaderSays) {
  const std::string text = two_tensors().text();
  const auto file = parse(text);
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_EQ(file->tensors().size(), 2U);
  const Safetensor& a = file->tensors()[0];
  EXPECT_EQ(a.name, "a.weight");
  EXPECT_EQ(a.type, SafetensorType::f32);
  EXPECT_EQ(a.shape, (std::vector<std::uint64_t>{2, 3}));
  float last = 0;
  std::memcpy(&last, a.bytes.data() + 20, 4);
  EXPECT_EQ(last, 6.0F);
  EXPECT_EQ(file->tensors()[1].type_name, "BF16");
}

TEST(Safetensors, EveryTruncationIsAnErrorThatNamesTheFile) {
  const std::string text = two_tensors().text();
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto file = parse(text.substr(0, size));
    ASSERT_FALSE(file) << size;
    EXPECT_NE(file.error().message().find("x.safetensors"), std::string::npos);
  }
}

TEST(Safetensors, WrongHeadersAreRefusedByTensor) {
  const auto error_with = [](const char* key, const Json& value) {
    TestSafetensors file = two_tensors();
    file.header()["b"][key] = value;
    const auto parsed = parse(file.text());
    return parsed ? std::string("was read") : parsed.error().message();
  };
  EXPECT_NE(error_with("dtype", "Q9").find("is of type Q9"), std::string::npos);
  EXPECT_NE(error_with("dtype", 3).find("'b' lacks"), std::string::npos);
  EXPECT_NE(error_with("shape", {3}).find("has 4 bytes; type and shape ask for 6"),
            std::string::npos);
  EXPECT_NE(error_with("shape", {-1}).find("'b' lacks"), std::string::npos);
  EXPECT_NE(error_with("shape", {1ULL << 63U, 2}).find("larger than the file"), std::string::npos);
  EXPECT_NE(error_with("data_offsets", {0, 1ULL << 40U}).find("lies at"), std::string::npos);
  EXPECT_NE(error_with("data_offsets", {8, 4}).find("lies at"), std::string::npos);
  EXPECT_NE(error_with("data_offsets", {8}).find("'b' lacks"), std::string::npos);
  TestSafetensors list;
  list.header() = Json::array();
  EXPECT_FALSE(parse(list.text()));
}

TEST(Safetensors, AHeaderLongerThanTheFileIsNotRead) {
  std::string text(16, '\0');
  text[6] = 1;  // 2^48 bytes
  const auto file = parse(text);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message().find("header is said to have"), std::string::npos);
}

}  // namespace
}  // namespace wattle::engine
