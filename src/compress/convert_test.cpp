// A Hugging Face folder becomes the GGUF file that it was made from.
#include <gtest/gtest.h>

#include <cstring>

#include "base/test_folder.hpp"
#include "compress/model_source.hpp"
#include "compress/quantize.hpp"
#include "engine/generate.hpp"
#include "engine/hf/test_hf_folder.hpp"

namespace wattle::compress {
namespace {

using engine::GgufFile;
using engine::TensorType;

class Convert : public testing::Test {
 protected:
  void SetUp() override {
    engine::TestModel model(shape_);
    engine::add_space_token(model);
    ASSERT_TRUE(model.write(gguf_));
    engine::write_hf_llama(gguf_, shape_, folder_.path());
  }
  static QuantizeOptions as_they_are() { return {.type = std::nullopt, .threads = 1}; }

  engine::TestShape shape_;
  TestFolder folder_;
  TestFolder elsewhere_;
  std::filesystem::path gguf_ = elsewhere_.path() / "model.gguf";
  std::filesystem::path out_ = elsewhere_.path() / "out.gguf";
};

TEST_F(Convert, GivesTheSameTensorsByteForByte) {
  const auto report = quantize_file(folder_.path(), out_, as_they_are());
  ASSERT_TRUE(report) << report.error().message();
  const GgufFile out = GgufFile::open(out_).value();
  const GgufFile original = GgufFile::open(gguf_).value();
  ASSERT_EQ(out.tensors().size(), original.tensors().size());
  for (const auto& tensor : original.tensors()) {
    const auto* found = out.find_tensor(tensor.name);
    ASSERT_NE(found, nullptr) << tensor.name;
    ASSERT_EQ(found->shape, tensor.shape) << tensor.name;
    ASSERT_EQ(found->type, tensor.type) << tensor.name;
    const auto a = out.tensor_bytes(*found);
    const auto b = original.tensor_bytes(tensor);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), b.size()), 0) << tensor.name;
  }
  for (const auto& [key, value] : out.metadata()) {
    EXPECT_FALSE(key.starts_with("wattle.")) << "other readers do not know " << key;
  }
  EXPECT_EQ(out.get_uint("general.file_type").value(), 0U);
}

TEST_F(Convert, TheFileEncodesAndAnswersAsTheFolder) {
  ASSERT_TRUE(quantize_file(folder_.path(), out_, as_they_are()));
  std::vector<std::string> texts;
  for (const auto& path : {out_, folder_.path()}) {
    const auto model = engine::Model::load(path, {.exact = true, .threads = 1});
    ASSERT_TRUE(model) << model.error().message();
    auto session = engine::Session::create(*model);
    const auto prompt = (*model)->tokenizer().encode("Hello you", {});
    EXPECT_EQ(prompt.front(), 1);
    const auto result = engine::generate(**session, prompt, {.max_tokens = 12});
    ASSERT_TRUE(result);
    std::string ids;
    for (const auto& token : result->tokens) ids += std::to_string(token.id) + " ";
    texts.push_back(ids);
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST_F(Convert, MayQuantiseOnTheWay) {
  QuantizeOptions options;
  options.type = TensorType::q8_0;
  ASSERT_TRUE(quantize_file(folder_.path(), out_, options));
  const auto direct = elsewhere_.path() / "direct.gguf";
  ASSERT_TRUE(quantize_file(gguf_, direct, options));
  const GgufFile a = GgufFile::open(out_).value();
  const GgufFile b = GgufFile::open(direct).value();
  for (const auto& tensor : b.tensors()) {
    const auto* found = a.find_tensor(tensor.name);
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(found->n_bytes, tensor.n_bytes);
    EXPECT_EQ(
        std::memcmp(a.tensor_bytes(*found).data(), b.tensor_bytes(tensor).data(), tensor.n_bytes),
        0)
        << tensor.name;
  }
}

TEST_F(Convert, AFolderWhoseTokenizerCannotBeNamedLeavesNoFile) {
  auto tokenizer = engine::hf_test_tokenizer(shape_.n_vocab);
  tokenizer["normalizer"] = {{"type", "Lowercase"}};
  folder_.write("tokenizer.json", dump_json(tokenizer));
  const auto report = quantize_file(folder_.path(), out_, as_they_are());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::unsupported);
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST(PairedRows, PutHalvesIntoPairs) {
  std::vector<std::byte> rows;
  for (int i = 0; i < 16; ++i) rows.push_back(static_cast<std::byte>(i));
  const auto out = paired_rows(rows, 1, 8, 8);
  const std::vector<int> expected = {0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15};
  for (std::size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(static_cast<int>(out[i]), expected[i]);
  }
  // Dimensions that are not rotated stay where they are.
  const auto partial = paired_rows(rows, 2, 8, 4);
  const std::vector<int> first = {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (std::size_t i = 0; i < partial.size(); ++i) {
    EXPECT_EQ(static_cast<int>(partial[i]), first[i]);
  }
}

}  // namespace
}  // namespace wattle::compress
