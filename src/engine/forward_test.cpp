// The forward pass against a plain double-precision one, and its determinism.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/test_folder.hpp"
#include "engine/generate.hpp"
#include "engine/kernels/isa.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

const std::vector<TokenId> kTokens = {1, 300, 17, 44,  259, 310, 8, 299, 4,  5,  6,   7,
                                      8, 9,   10, 200, 3,   2,   0, 319, 42, 77, 150, 33};

// WATTLE_ISA for as long as the object lives.
class ForcedIsa {
 public:
  explicit ForcedIsa(Isa isa) { ::setenv("WATTLE_ISA", isa_name(isa), 1); }
  ~ForcedIsa() { ::unsetenv("WATTLE_ISA"); }
  ForcedIsa(const ForcedIsa&) = delete;
  ForcedIsa& operator=(const ForcedIsa&) = delete;
};

std::vector<std::vector<float>> engine_logits(const std::filesystem::path& path,
                                              const LoadOptions& load,
                                              const SessionOptions& session_options,
                                              std::uint32_t exit_layer = 0) {
  const auto model = Model::load(path, load);
  EXPECT_TRUE(model) << model.error().message();
  if (!model) return {};
  const auto session = Session::create(*model, session_options);
  EXPECT_TRUE(session) << session.error().message();
  const auto positions = all_logits(**session, kTokens, exit_layer);
  EXPECT_TRUE(positions) << positions.error().message();
  std::vector<std::vector<float>> logits;
  for (const auto& position : *positions) logits.push_back(position.logits);
  return logits;
}

// Σ(ours − reference)² / Σ reference²
double nmse(const std::vector<std::vector<float>>& ours,
            const std::vector<std::vector<double>>& reference) {
  EXPECT_EQ(ours.size(), reference.size());
  double error = 0;
  double total = 0;
  for (std::size_t p = 0; p < ours.size(); ++p) {
    for (std::size_t i = 0; i < reference[p].size(); ++i) {
      error += std::pow(static_cast<double>(ours[p][i]) - reference[p][i], 2);
      total += std::pow(reference[p][i], 2);
    }
  }
  return error / total;
}

struct Case {
  const char* name;
  TestShape shape;
};

const std::vector<Case> kCases = {
    {"F32", {.type = TensorType::f32}},
    {"F16", {.type = TensorType::f16}},
    {"BF16", {.type = TensorType::bf16, .tied = true}},
    {"Q8_0", {.type = TensorType::q8_0}},
    {"Q4_0", {.type = TensorType::q4_0, .tied = true}},
    // Nothing is a multiple of a vector; rotation of a part of the head; scaled positions.
    {"OddShape",
     {.type = TensorType::f16,
      .d_model = 42,
      .d_ff = 53,
      .n_heads = 6,
      .n_kv_heads = 3,
      .head_dim = 10,
      .rope_dims = 6,
      .rope_factors = true,
      .linear_scale = 2.0F}},
    {"OneKvHead",
     {.type = TensorType::q8_0, .n_heads = 12, .n_kv_heads = 1, .head_dim = 8, .rope_dims = 8}},
    {"NoGrouping", {.type = TensorType::q4_0, .n_kv_heads = 4}},
    {"Gemma2", {.type = TensorType::f16, .tied = true, .gemma2 = true}},
    {"Gemma2Quantized", {.type = TensorType::q8_0, .n_layers = 2, .tied = true, .gemma2 = true}},
};

class ForwardTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { ASSERT_TRUE(model_.write(path_)); }

  // Of the NMSE with a KV cache in F32: weights and activations have 8 bits, 14, or are exact.
  double bound() const {
    switch ((*Model::load(path_, {}))->arithmetic()) {
      case Arithmetic::int8:
        return 2e-3;
      case Arithmetic::int16:
        return 5e-7;
      case Arithmetic::f32:
        break;
    }
    return 1e-10;
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
  TestModel model_{GetParam().shape};
};

TEST_P(ForwardTest, MatchesAPlainForwardPassAtEveryDepth) {
  for (const Isa isa : available_isas()) {
    const ForcedIsa forced(isa);
    for (std::uint32_t layer = 1; layer <= GetParam().shape.n_layers; ++layer) {
      const auto reference = model_.logits(kTokens, layer);
      EXPECT_LT(nmse(engine_logits(path_, {.exact = true}, {}, layer), reference), 1e-10);
      EXPECT_LT(nmse(engine_logits(path_, {}, {.kv_type = KvType::f32}, layer), reference), bound())
          << isa_name(isa);
      EXPECT_LT(nmse(engine_logits(path_, {}, {.kv_type = KvType::f16}, layer), reference),
                std::max(bound(), 1e-6))
          << isa_name(isa);
    }
  }
}

TEST_P(ForwardTest, TheBitsDependNeitherOnThreadsNorOnBatches) {
  for (const Isa isa : available_isas()) {
    const ForcedIsa forced(isa);
    for (const bool exact : {false, true}) {
      const auto expected = engine_logits(path_, {.exact = exact, .threads = 1}, {.batch = 1});
      for (const int threads : {1, 2, 3, 4}) {
        for (const std::uint32_t batch : {1U, 2U, 3U, 5U, 7U, 16U, 24U, 256U}) {
          ASSERT_EQ(engine_logits(path_, {.exact = exact, .threads = threads}, {.batch = batch}),
                    expected)
              << isa_name(isa) << " threads " << threads << " batch " << batch;
        }
      }
    }
  }
}

// Large enough that every loop of the pass is spread over the threads, for every type that can be
// written (the others: Conformance.TheBitsDependNeitherOnThreadsNorOnBatches).
class ForwardDeterminism : public testing::TestWithParam<TensorType> {};

TEST_P(ForwardDeterminism, HoldsWhereTheWorkIsSplit) {
  const TestFolder folder;
  const TestModel model({.type = GetParam(),
                         .n_layers = 2,
                         .d_model = 256,
                         .d_ff = 1024,
                         .n_heads = 8,
                         .n_kv_heads = 4,
                         .head_dim = 32,
                         .rope_dims = 32,
                         .n_vocab = 6000});
  const auto path = folder.path() / "model.gguf";
  ASSERT_TRUE(model.write(path));
  for (const Isa isa : available_isas()) {
    const ForcedIsa forced(isa);
    const auto expected = engine_logits(path, {.threads = 1}, {.batch = 1});
    for (const int threads : {1, 2, 3, 4}) {
      EXPECT_EQ(engine_logits(path, {.threads = threads}, {.batch = 24}), expected)
          << isa_name(isa) << ", threads " << threads;
    }
    EXPECT_EQ(engine_logits(path, {.threads = 2}, {.batch = 1}), expected) << isa_name(isa);
    EXPECT_EQ(engine_logits(path, {.threads = 2}, {.batch = 5}), expected) << isa_name(isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ForwardDeterminism,
                         testing::Values(TensorType::f32, TensorType::f16, TensorType::bf16,
                                         TensorType::q8_0, TensorType::q4_0, TensorType::q4_1,
                                         TensorType::q5_0, TensorType::q5_1, TensorType::q4_k,
                                         TensorType::q6_k),
                         [](const auto& test) {
                           return std::string(engine::info(test.param).name);
                         });

// What is tested above is what it is taken for.
TEST(ModelArithmetic, HalvesAreMultipliedIn16BitsWhereTheKernelsCan) {
  const TestFolder folder;
  const auto path = folder.path() / "model.gguf";
  const auto arithmetic = [&](const TestShape& shape, bool exact = false) {
    EXPECT_TRUE(TestModel(shape).write(path));
    return (*Model::load(path, {.exact = exact}))->arithmetic();
  };
  for (const Isa isa : available_isas()) {
    const ForcedIsa forced(isa);
    const bool i16 = kernels_for(isa).matmul_i16 != nullptr;
    EXPECT_EQ(i16, isa == Isa::avx512);
    for (const TensorType type : {TensorType::f16, TensorType::bf16}) {
      EXPECT_EQ(arithmetic({.type = type}), i16 ? Arithmetic::int16 : Arithmetic::f32);
      EXPECT_EQ(arithmetic({.type = type}, true), Arithmetic::f32);
    }
    EXPECT_EQ(arithmetic({.type = TensorType::f32}), Arithmetic::f32);
    EXPECT_EQ(arithmetic({.type = TensorType::q8_0}), Arithmetic::int8);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ForwardTest, testing::ValuesIn(kCases),
                         [](const auto& c) { return std::string(c.param.name); });

// One pass shows, block by block and in the order asked for, the bits of a pass for each layer.
TEST(VisitLogits, IsOnePassForManyLayersWithTheBitsOfOneForEach) {
  const TestFolder folder;
  const auto path = folder.path() / "model.gguf";
  ASSERT_TRUE(TestModel({.type = TensorType::q8_0}).write(path));
  const auto model = *Model::load(path, {});
  const std::vector<std::uint32_t> layers = {0, 1, 3, 2};
  for (const std::uint32_t batch : {7U, 256U}) {
    const auto session = *Session::create(model, {.batch = batch});
    std::vector<std::vector<std::vector<float>>> seen(4);  // [layer][position][n_vocab]
    std::vector<std::uint32_t> order;
    ASSERT_TRUE(visit_logits(*session, kTokens, layers, [&](const LogitsBlock& block) {
      order.push_back(block.layer);
      auto& of_layer = seen[block.layer];
      const std::size_t n_vocab = model->config().n_vocab;
      ASSERT_EQ(block.logits.size(), block.n_positions * n_vocab);
      for (std::size_t i = 0; i < block.n_positions; ++i) {
        const auto row = block.logits.subspan(i * n_vocab, n_vocab);
        of_layer.emplace_back(row.begin(), row.end());
      }
    }));
    EXPECT_EQ(session->position(), kTokens.size());
    EXPECT_EQ(std::vector(order.begin(), order.begin() + 4),
              (std::vector<std::uint32_t>{3, 1, 3, 2}));
    EXPECT_EQ(seen[3].size(), 2 * kTokens.size());  // asked for twice: as 0 and as 3
    for (const std::uint32_t layer : {1U, 2U}) {
      EXPECT_EQ(seen[layer], engine_logits(path, {}, {}, layer)) << layer;
    }
  }
  const auto session = *Session::create(model, {});
  const auto none = [](const LogitsBlock&) {};
  EXPECT_FALSE(visit_logits(*session, kTokens, std::vector<std::uint32_t>{1, 4}, none));
  EXPECT_FALSE(visit_logits(*session, {}, layers, none));
  EXPECT_EQ(session->position(), 0u);
}

TEST(AllLogits, StatisticsAreThoseOfTheSoftmax) {
  const TestFolder folder;
  const TestModel test_model({});
  const auto path = folder.path() / "model.gguf";
  ASSERT_TRUE(test_model.write(path));
  const auto session = *Session::create(*Model::load(path, {.exact = true}));
  const auto positions = *all_logits(*session, kTokens);
  const auto reference = test_model.logits(kTokens);
  EXPECT_EQ(session->position(), kTokens.size());
  for (std::size_t p = 0; p < kTokens.size(); ++p) {
    double sum = 0;
    for (const double l : reference[p]) sum += std::exp(l);
    double entropy = 0;
    for (const double l : reference[p]) entropy -= std::exp(l) / sum * (l - std::log(sum));
    EXPECT_NEAR(positions[p].logsumexp, std::log(sum), 1e-5);
    EXPECT_NEAR(positions[p].entropy_nats, entropy, 1e-5);
    const auto best = std::max_element(reference[p].begin(), reference[p].end());
    EXPECT_EQ(positions[p].argmax, best - reference[p].begin());
  }
}

}  // namespace
}  // namespace wattle::engine
