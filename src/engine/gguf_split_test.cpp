// Models in several files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "engine/generate.hpp"
#include "engine/gguf.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

class GgufSplit : public testing::Test {
 protected:
  std::filesystem::path part_path(int number) const {
    return folder_.path() / fmt::format("m-{:05}-of-00003.gguf", number);
  }

  // The tensors of a whole model, dealt out to three files; metadata in the first only.
  void write_parts(const std::function<void(int, GgufWriter&)>& change = {}) {
    const auto whole_path = folder_.path() / "whole.gguf";
    ASSERT_TRUE(TestModel({.type = TensorType::q8_0}).write(whole_path));
    const GgufFile whole = GgufFile::open(whole_path).value();
    for (int number = 1; number <= 3; ++number) {
      GgufWriter writer;
      if (number == 1) {
        for (const auto& [key, value] : whole.metadata()) writer.set(key, value);
      }
      writer.set_uint32("split.no", static_cast<std::uint32_t>(number - 1));
      writer.set_uint32("split.count", 3);
      writer.set_uint32("split.tensors.count", static_cast<std::uint32_t>(whole.tensors().size()));
      if (change) change(number, writer);
      for (std::size_t i = 0; i < whole.tensors().size(); ++i) {
        const TensorInfo& tensor = whole.tensors()[i];
        if (static_cast<int>(i % 3) + 1 != number) continue;
        writer.add_tensor(
            tensor.name, tensor.type, tensor.shape,
            [&](const GgufWriter::Sink& sink) { return sink(whole.tensor_bytes(tensor)); });
      }
      ASSERT_TRUE(writer.write(part_path(number)));
    }
  }
  std::string error() {
    const auto file = GgufFile::open(part_path(1));
    return file ? "" : file.error().message();
  }
  TestFolder folder_;
};

TEST_F(GgufSplit, AnyPartOpensTheWholeModel) {
  write_parts();
  const std::vector<TokenId> tokens = {1, 7, 300, 12};
  const auto logits_of = [&](const std::filesystem::path& path) {
    const auto model = Model::load(path);
    EXPECT_TRUE(model) << model.error().message();
    const auto session = Session::create(*model);
    return all_logits(**session, tokens).value().back().logits;
  };
  const auto whole = logits_of(folder_.path() / "whole.gguf");
  for (int number = 1; number <= 3; ++number) EXPECT_EQ(logits_of(part_path(number)), whole);
  EXPECT_EQ(GgufFile::open(part_path(2))->n_files(), 3U);
}

TEST_F(GgufSplit, AMissingPartIsNamed) {
  write_parts();
  std::filesystem::remove(part_path(2));
  EXPECT_NE(error().find("part 2 of 3"), std::string::npos) << error();
  EXPECT_NE(error().find("m-00002-of-00003.gguf"), std::string::npos) << error();
}

TEST_F(GgufSplit, PartsThatDoNotBelongTogetherAreErrors) {
  write_parts();
  std::filesystem::copy_file(part_path(3), part_path(2),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(error().find("its split.no is 2, its name says part 2"), std::string::npos) << error();

  write_parts([](int number, GgufWriter& writer) {
    if (number == 1) writer.set_uint32("split.tensors.count", 5);
  });
  EXPECT_NE(error().find("split.tensors.count is 5"), std::string::npos) << error();

  write_parts([](int number, GgufWriter& writer) {
    if (number == 1) return;
    writer.add_tensor("extra.weight", TensorType::f32, {1}, [](const GgufWriter::Sink& sink) {
      const float zero = 0;
      return sink(std::as_bytes(std::span(&zero, 1)));
    });
  });
  EXPECT_NE(error().find("'extra.weight' is in an earlier part too"), std::string::npos) << error();

  write_parts([](int, GgufWriter& writer) { writer.set_uint32("split.count", 100'000); });
  EXPECT_NE(error().find("split.count is 100000"), std::string::npos) << error();
}

TEST_F(GgufSplit, ARenamedPartIsAnErrorThatSaysTheName) {
  write_parts();
  std::filesystem::rename(part_path(1), folder_.path() / "model.gguf");
  const auto file = GgufFile::open(folder_.path() / "model.gguf");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message().find("-00001-of-00003.gguf"), std::string::npos);
}

}  // namespace
}  // namespace wattle::engine
