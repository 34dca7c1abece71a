#include "learn/platform/torch/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "engine/generate.hpp"
#include "learn/platform/torch/export.hpp"
#include "learn/platform/torch/kernels.hpp"
#include "learn/platform/torch/train.hpp"

namespace wattle::learn {
namespace {
using torch::Tensor;

TrainOptions tiny() {
  TrainOptions options;
  options.shape = {
      .n_layers = 2, .d_model = 64, .d_ff = 96, .n_heads = 4, .n_kv_heads = 2, .head_dim = 32};
  options.steps = 40;
  options.batch_size = 2;
  options.warmup_steps = 5;
  options.curriculum_steps = 20;
  options.findings_layer = 2;
  options.exit_rotation = 2;
  options.evaluate_every = 0;
  options.progress = Progress::Style::silent;
  return options;
}

std::vector<std::string> characters() {
  std::vector<std::string> pieces = {"▁t", "he", "▁the", "▁s", "en", "so", "sor", "▁p"};
  for (char c = ' ' + 1; c <= '~'; ++c) pieces.emplace_back(1, c);
  pieces.insert(pieces.end(), {"▁", "°"});
  return pieces;
}

double mean_of(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  double sum = 0.0;
  for (std::size_t i = begin; i < end; ++i) sum += values[i];
  return sum / static_cast<double>(end - begin);
}

bool same_bits(const NamedTensors& a, const NamedTensors& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first || !torch::equal(a[i].second, b[i].second)) return false;
  }
  return true;
}

class TrainerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_F(TrainerTest, LossFalls) {
  Trainer trainer(tiny(), characters());
  std::vector<double> losses;
  for (int i = 0; i < 40; ++i) losses.push_back(trainer.step());
  EXPECT_NEAR(losses.front(), std::log(static_cast<double>(trainer.vocabulary().size())), 0.5);
  EXPECT_LT(mean_of(losses, 30, 40), 0.6 * mean_of(losses, 0, 5));
}

TEST_F(TrainerTest, ResumedRunEqualsAnUnbrokenOneBitForBit) {
  const TestFolder folder;
  TrainOptions options = tiny();
  options.checkpoint = folder.path() / "run";
  Trainer unbroken(options, characters());
  for (int i = 0; i < 14; ++i) unbroken.step();
  {
    Trainer first(options, characters());
    for (int i = 0; i < 6; ++i) first.step();
    ASSERT_TRUE(first.save());
  }
  auto resumed = Trainer::resume(options);
  ASSERT_TRUE(resumed) << resumed.error().message();
  EXPECT_EQ((*resumed)->steps_done(), 6);
  EXPECT_FALSE(same_bits((*resumed)->tensors(), unbroken.tensors()));
  for (int i = 6; i < 14; ++i) (*resumed)->step();
  EXPECT_TRUE(same_bits((*resumed)->tensors(), unbroken.tensors()));
}

TEST_F(TrainerTest, RefusesACheckpointOfAnotherRun) {
  const TestFolder folder;
  TrainOptions options = tiny();
  options.checkpoint = folder.path() / "run";
  ASSERT_TRUE(Trainer(options, characters()).save());
  options.steps = 99;  // may differ: a run can be made longer
  EXPECT_TRUE(Trainer::resume(options));
  options.seed = 2;
  const auto other = Trainer::resume(options);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::invalid_format);
  EXPECT_NE(other.error().message().find("begun with seed 1, not 2"), std::string::npos);
}

TEST_F(TrainerTest, DamagedCheckpointsAreErrors) {
  const TestFolder folder;
  TrainOptions options = tiny();
  options.checkpoint = folder.path();
  ASSERT_TRUE(Trainer(options, characters()).save());
  const auto file = checkpoint_file(folder.path());
  const auto whole = read_file(file);
  ASSERT_TRUE(whole);
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{24}, std::size_t{40},
                                 whole->size() / 2, whole->size() - 1}) {
    ASSERT_TRUE(write_file_atomically(file, whole->substr(0, size)));
    const auto resumed = Trainer::resume(options);
    ASSERT_FALSE(resumed) << size;
    EXPECT_EQ(resumed.error().code, ErrorCode::invalid_format) << resumed.error().message();
  }
  ASSERT_TRUE(write_file_atomically(file, *whole + "x"));
  EXPECT_FALSE(Trainer::resume(options));
}

// Trainer and engine must compute the same function. Weights are rounded to F16 first, as the file
// has them.
TEST_F(TrainerTest, ExportedFileGivesTheTrainersLogits) {
  const TestFolder folder;
  Trainer trainer(tiny(), characters());
  for (int i = 0; i < 10; ++i) trainer.step();
  {
    const torch::NoGradGuard no_grad;
    for (const auto& parameter : trainer.network().parameters()) {
      if (parameter.tensor.dim() != 2) continue;
      Tensor tensor = parameter.tensor;
      tensor.copy_(tensor.to(torch::kHalf).to(torch::kFloat));
    }
  }
  const auto path = folder.path() / "tiny.gguf";
  const Status written = export_gguf(trainer.network(), trainer.vocabulary(), "tiny", path);
  ASSERT_TRUE(written) << written.error().message();
  const auto model = engine::Model::load(path, {.exact = true, .threads = 1});
  ASSERT_TRUE(model) << model.error().message();

  Random random(8);
  Encoder encoder(trainer.vocabulary());
  const std::string text = make_example(random, Split::held_out).prompt;
  const std::vector<engine::TokenId> tokens = (*model)->tokenizer().encode(text, {});
  std::vector<std::int64_t> own = {trainer.vocabulary().bos};
  for (const auto id : encoder.encode(text)) own.push_back(id);
  ASSERT_EQ(std::vector<std::int64_t>(tokens.begin(), tokens.end()), own);

  const torch::NoGradGuard no_grad;
  const auto states = trainer.network().forward(torch::tensor(own, torch::kInt64).view({1, -1}));
  for (std::uint32_t layer = 1; layer <= 2; ++layer) {
    const auto session = engine::Session::create(*model, {.kv_type = engine::KvType::f32});
    ASSERT_TRUE(session);
    const auto positions = engine::all_logits(**session, tokens, layer);
    ASSERT_TRUE(positions) << positions.error().message();
    const Tensor logits = trainer.network().head(states[layer - 1]);
    double worst = 0.0;
    for (std::size_t i = 0; i < positions->size(); ++i) {
      const float* row = logits.data_ptr<float>() + static_cast<std::int64_t>(i) * logits.size(1);
      for (std::size_t k = 0; k < (*positions)[i].logits.size(); ++k) {
        worst = std::max(worst, std::abs(double{row[k]} - double{(*positions)[i].logits[k]}));
      }
    }
    EXPECT_LT(worst, 1e-3) << "exit layer " << layer;
  }
}

TEST_F(TrainerTest, TrainWritesAModelAndStopsWhenAsked) {
  const TestFolder folder;
  TrainOptions options = tiny();
  options.checkpoint = folder.path() / "run";
  ASSERT_TRUE(Trainer(options, characters()).save());  // so that spm_train is not needed
  options.resume = true;
  options.steps = 6;
  options.evaluate_every = 6;
  options.out = folder.path() / "model.gguf";
  const SystemClock clock;
  int asked = 0;
  options.cancelled = [&] { return ++asked > 3; };
  const auto stopped = train_here(options, clock);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_FALSE(std::filesystem::exists(options.out));

  options.cancelled = {};
  const auto made = train_here(options, clock);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->steps, 6);
  EXPECT_EQ(made->exits.size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(options.out));
}

TEST_F(TrainerTest, BadShapesAreRefused) {
  const SystemClock clock;
  TrainOptions options = tiny();
  options.shape.d_model = 65;
  const auto made = train_here(options, clock);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
}

// Hand-written gradients against the same function composed of torch's own operations.
class KernelTest : public TrainerTest {
 protected:
  // Largest difference of values and of gradients, for the loss sum(f(x)·weights).
  template <class Ours, class Theirs>
  static void expect_same(const std::vector<Tensor>& inputs, Ours ours, Theirs theirs) {
    const auto run = [&](auto function) {
      std::vector<Tensor> copies;
      for (const Tensor& input : inputs) {
        copies.push_back(input.detach().clone().set_requires_grad(true));
      }
      const Tensor value = function(copies);
      const Tensor weights = torch::linspace(-1.0, 1.0, value.numel()).view_as(value);
      (value * weights).sum().backward();
      std::vector<Tensor> out = {value.detach()};
      for (const Tensor& copy : copies) out.push_back(copy.grad());
      return out;
    };
    const auto a = run(ours);
    const auto b = run(theirs);
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(torch::allclose(a[i], b[i], 1e-4, 1e-5)) << "output or gradient " << i;
    }
  }
};

TEST_F(KernelTest, RmsNorm) {
  torch::manual_seed(1);
  expect_same(
      {torch::randn({5, 64}), torch::randn({64})},
      [](const auto& in) { return rms_norm(in[0], in[1], 1e-5); },
      [](const auto& in) {
        return in[0] * torch::rsqrt(in[0].pow(2).mean(1, true) + 1e-5) * in[1];
      });
}

TEST_F(KernelTest, SwiGlu) {
  torch::manual_seed(2);
  expect_same(
      {torch::randn({5, 2 * 48})}, [](const auto& in) { return swiglu(in[0]); },
      [](const auto& in) { return torch::silu(in[0].narrow(1, 0, 48)) * in[0].narrow(1, 48, 48); });
}

TEST_F(KernelTest, Attention) {
  torch::manual_seed(3);
  const AttentionShape shape{2, 19, 4, 2, 32};
  const Tensor rope = rope_table(32, 32, 10000.0);
  const auto reference = [&](const std::vector<Tensor>& in) {
    const Tensor qkv = in[0].view({2, 19, 8, 32});
    const Tensor cosine = rope.narrow(0, 0, 19).view({1, 19, 1, 16, 2}).select(4, 0);
    const Tensor sine = rope.narrow(0, 0, 19).view({1, 19, 1, 16, 2}).select(4, 1);
    const auto turn = [&](const Tensor& x) {
      const Tensor pairs = x.reshape({2, 19, x.size(2), 16, 2});
      const Tensor even = pairs.select(4, 0);
      const Tensor odd = pairs.select(4, 1);
      return torch::stack({even * cosine - odd * sine, even * sine + odd * cosine}, 4)
          .reshape(x.sizes());
    };
    const Tensor q = turn(qkv.narrow(2, 0, 4)).transpose(1, 2);
    const Tensor k = turn(qkv.narrow(2, 4, 2)).repeat_interleave(2, 2).transpose(1, 2);
    const Tensor v = qkv.narrow(2, 6, 2).repeat_interleave(2, 2).transpose(1, 2);
    const Tensor mask = torch::full({19, 19}, -1e9F).triu(1);
    const Tensor p =
        torch::softmax(torch::matmul(q, k.transpose(2, 3)) / std::sqrt(32.0) + mask, 3);
    return torch::matmul(p, v).transpose(1, 2).reshape({38, 128});
  };
  expect_same(
      {torch::randn({38, 256})}, [&](const auto& in) { return attention(in[0], rope, shape); },
      reference);
}

TEST(LayerSkip, WeightsAndDropoutRiseWithDepth) {
  // By hand for 4 layers, scale 0.5: 0.5·(0, 1, 3) and 3 + 0.5·3 for the last.
  EXPECT_DOUBLE_EQ(exit_weight(0, 4, 0.5), 0.0);
  EXPECT_DOUBLE_EQ(exit_weight(1, 4, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(exit_weight(2, 4, 0.5), 1.5);
  EXPECT_DOUBLE_EQ(exit_weight(3, 4, 0.5), 4.5);
  EXPECT_DOUBLE_EQ(dropout_chance(0, 4, 0.1), 0.0);
  EXPECT_DOUBLE_EQ(dropout_chance(3, 4, 0.1), 0.1);
  EXPECT_LT(dropout_chance(1, 4, 0.1), 0.05);
}

}  // namespace
}  // namespace wattle::learn
