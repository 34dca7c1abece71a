#include "lab/plan.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "compress/synth.hpp"
#include "engine/hf/test_hf_folder.hpp"

namespace wattle::lab {
namespace {

class PlanTest : public testing::Test {
 protected:
  void write_model(std::uint64_t seed) const {
    compress::SynthShape shape;
    shape.name = "tiny";
    shape.architecture = "llama";
    shape.n_layers = 4;
    shape.d_model = 64;
    shape.d_ff = 64;
    shape.n_heads = 2;
    shape.n_kv_heads = 2;
    shape.n_vocab = 400;
    shape.context_length = 32;
    compress::SynthOptions options;
    options.type = engine::TensorType::f16;
    options.seed = seed;
    options.threads = 1;
    ASSERT_TRUE(compress::synthesize(shape, folder_.path() / "m.gguf", options));
  }

  Result<Plan> plan(const std::string& extra, bool convert = true) const {
    folder_.write("s.jsonl", "{\"text\":\"hello\"}\n");
    const auto file = folder_.write("m.yaml", "models: [m.gguf]\nsuites: [s.jsonl]\n" + extra);
    PlanOptions options;
    options.cache = cache();
    options.threads = 1;
    options.convert = convert;
    return make_plan(file, options);
  }
  std::filesystem::path cache() const { return folder_.path() / "cache"; }
  std::size_t n_cached() const {
    std::error_code error;
    std::size_t n = 0;
    for (std::filesystem::directory_iterator it(cache(), error), end; it != end; ++it) ++n;
    return n;
  }

  TestFolder folder_;
};

TEST_F(PlanTest, ModelsAreConvertedOnceAndAgainWhenTheSourceChanges) {
  write_model(1);
  const auto first = plan("precisions: [file, q8_0, q4_0]\n");
  ASSERT_TRUE(first) << first.error().message();
  ASSERT_EQ(first->variants.size(), 3u);
  EXPECT_EQ(first->variants[0].file, folder_.path() / "m.gguf");
  EXPECT_EQ(first->variants[0].precision, "F16");
  EXPECT_EQ(first->variants[1].precision, "Q8_0");
  EXPECT_EQ(first->variants[2].precision, "Q4_0");
  EXPECT_NE(first->variants[1].sha256, first->variants[0].sha256);
  EXPECT_EQ(n_cached(), 2u);
  const auto again = plan("precisions: [file, q8_0, q4_0]\n");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->variants[2].file, first->variants[2].file);
  EXPECT_EQ(n_cached(), 2u);
  write_model(2);
  const auto changed = plan("precisions: [file, q8_0, q4_0]\n");
  ASSERT_TRUE(changed);
  EXPECT_NE(changed->variants[2].file, first->variants[2].file);
  EXPECT_EQ(n_cached(), 4u);
}

TEST_F(PlanTest, APrecisionTheFileHasAlreadyIsTheFile) {
  write_model(1);
  const auto both = plan("precisions: [file, f16]\n");
  ASSERT_TRUE(both) << both.error().message();
  EXPECT_EQ(both->variants.size(), 1u);
  EXPECT_EQ(both->configurations.size(), 1u);
  EXPECT_EQ(n_cached(), 0u);
}

TEST_F(PlanTest, AFolderIsAModelToo) {
  const engine::TestShape shape;
  engine::TestModel model(shape);
  engine::add_space_token(model);
  const auto gguf = folder_.path() / "m.gguf";
  ASSERT_TRUE(model.write(gguf));
  const auto hf = folder_.path() / "Tiny-0.1B";
  std::filesystem::create_directory(hf);
  engine::write_hf_llama(gguf, shape, hf);
  folder_.write("s.jsonl", "{\"text\":\"hello\"}\n");
  const auto file =
      folder_.write("f.yaml", "models: [Tiny-0.1B]\nsuites: [s.jsonl]\nprecisions: [file, q8_0]\n");
  PlanOptions options;
  options.cache = cache();
  options.threads = 1;
  options.convert = true;
  const auto first = make_plan(file, options);
  ASSERT_TRUE(first) << first.error().message();
  ASSERT_EQ(first->variants.size(), 2u);
  EXPECT_EQ(first->variants[0].model, "Tiny-0.1B");
  EXPECT_EQ(first->variants[0].precision, "F32");
  EXPECT_EQ(first->variants[0].file, hf);
  EXPECT_EQ(first->variants[1].precision, "Q8_0");
  EXPECT_EQ(first->variants[1].file.extension(), ".gguf");
  folder_.write("Tiny-0.1B/generation_config.json", "{}");
  const auto changed = make_plan(file, options);
  ASSERT_TRUE(changed);
  EXPECT_NE(changed->variants[0].sha256, first->variants[0].sha256);
}

TEST_F(PlanTest, FullAndTheLastLayerAreOneConfiguration) {
  write_model(1);
  const auto planned = plan("exit_layers: [2, 4, full]\n");
  ASSERT_TRUE(planned) << planned.error().message();
  ASSERT_EQ(planned->configurations.size(), 2u);
  EXPECT_EQ(planned->configurations[0].exit_layer, 2u);
  EXPECT_EQ(planned->configurations[1].exit_layer, 0u);
  EXPECT_EQ(exit_layer_label(planned->configurations[1]), "4 (full)");
}

TEST_F(PlanTest, ALayerBeyondTheModelIsNamedWithItsPlace) {
  write_model(1);
  const auto planned = plan("exit_layers: [2, 9]\n");
  ASSERT_FALSE(planned);
  EXPECT_NE(planned.error().what.find("m.yaml:3:18: exit layer 9 is beyond the 4 layers"),
            std::string::npos)
      << planned.error().what;
}

TEST_F(PlanTest, ADamagedModelIsNamedWithItsPlaceInTheManifest) {
  folder_.write("m.gguf", "GGUF nonsense");
  const auto planned = plan("");
  ASSERT_FALSE(planned);
  EXPECT_NE(planned.error().what.find("m.yaml:1:10: "), std::string::npos) << planned.error().what;
  EXPECT_NE(planned.error().what.find("m.gguf"), std::string::npos);
}

TEST_F(PlanTest, TheIdentityIgnoresTrialsButNotSeeds) {
  write_model(1);
  const auto few = plan("trials: 2\n");
  const auto many = plan("trials: 20\n");
  const auto other = plan("trials: 2\ngenerate: {seed: 5}\n");
  ASSERT_TRUE(few && many && other);
  EXPECT_EQ(experiment_of(*few).plan, experiment_of(*many).plan);
  EXPECT_NE(experiment_of(*few).plan, experiment_of(*other).plan);
}

}  // namespace
}  // namespace wattle::lab
