#include "meter/formulas.hpp"

#include <gtest/gtest.h>

namespace wattle::meter {
namespace {

constexpr ModelShape kLlama2_7b{.n_layers = 32,
                                .d_model = 4096,
                                .n_heads = 32,
                                .n_kv_heads = 32,
                                .head_dim = 128,
                                .d_ff = 11008,
                                .n_vocab = 32000};

TEST(Flops, APromptInTwoPartsCostsWhatItCostsInOne) {
  const auto whole = flops_prefill(kLlama2_7b, 128, Attention::causal, Logits::every);
  const auto parts = flops_prefill(kLlama2_7b, 50, Attention::causal, Logits::every) +
                     flops_prefill(kLlama2_7b, 78, Attention::causal, Logits::every) +
                     flops_of_past(kLlama2_7b, 50, 78);
  EXPECT_DOUBLE_EQ(parts, whole);
}

TEST(Flops, Llama2With7BillionAtBatch1Length128) {
  // 850.0009 GMACs, dense, logits at every position; a MAC is two FLOPs.
  const double gmacs = flops_prefill(kLlama2_7b, 128, Attention::dense, Logits::every) / 2.0 / 1e9;
  EXPECT_NEAR(gmacs, 850.0009, 5e-5);
}

TEST(Flops, CausalAttentionAndLogitsAtOnePositionAreTheSmallerCount) {
  const double every = flops_prefill(kLlama2_7b, 128, Attention::dense, Logits::every);
  const double last = flops_prefill(kLlama2_7b, 128, Attention::dense, Logits::last);
  EXPECT_DOUBLE_EQ(every - last, 2.0 * 32000 * 4096 * 127);
  // Dense 4·L·h·d_h·s², causal 2·L·h·d_h·s(s+1): the difference is 2·L·h·d_h·s(s−1).
  const double causal = flops_prefill(kLlama2_7b, 128, Attention::causal, Logits::last);
  EXPECT_DOUBLE_EQ(last - causal, 2.0 * 32 * 4096 * 128 * 127);
}

TEST(Flops, CausalPrefillEqualsTheDecodeStepsItReplaces) {
  double steps = 0.0;
  for (std::uint64_t c = 1; c <= 50; ++c) steps += flops_decode_step(kLlama2_7b, c);
  EXPECT_NEAR(flops_prefill(kLlama2_7b, 50, Attention::causal, Logits::every) / steps, 1.0, 1e-12);
}

TEST(Flops, DecodeSumsItsSteps) {
  double steps = 0.0;
  for (std::uint64_t c = 11; c <= 17; ++c) steps += flops_decode_step(kLlama2_7b, c);
  EXPECT_NEAR(flops_decode(kLlama2_7b, 10, 8) / steps, 1.0, 1e-12);
  EXPECT_EQ(flops_decode(kLlama2_7b, 10, 1), 0.0) << "the first token is prefill's";
}

TEST(Flops, GroupedHeadsAndEarlyExit) {
  // One layer of d 8, 2 heads of 4, 1 KV head, f 16, V 10, by hand:
  // 8·8 + 2·8·4 + 8·8 + 3·8·16 = 576; head 80.
  const ModelShape tiny{.n_layers = 3,
                        .d_model = 8,
                        .n_heads = 2,
                        .n_kv_heads = 1,
                        .head_dim = 4,
                        .d_ff = 16,
                        .n_vocab = 10};
  EXPECT_DOUBLE_EQ(linear_weights(tiny), 3 * 576 + 80);
  EXPECT_DOUBLE_EQ(linear_weights(tiny, 1), 576 + 80) << "the head stays";
  EXPECT_DOUBLE_EQ(kv_bytes_per_position(tiny, 2.0), 2 * 3 * 1 * 4 * 2);
}

TEST(Flops, ExpertsReplaceTheFeedForward) {
  ModelShape moe{
      .n_layers = 1, .d_model = 8, .n_heads = 2, .n_kv_heads = 1, .head_dim = 4, .n_vocab = 10};
  moe.n_experts = 4;
  moe.top_k = 2;
  moe.d_ff_expert = 6;
  moe.d_ff_shared = 5;
  // Attention 192; 2·3·8·6 + 3·8·5 + 8·4 = 288 + 120 + 32; head 80.
  EXPECT_DOUBLE_EQ(linear_weights(moe), 192 + 440 + 80);
}

TEST(Utilisation, NeedsAMeasuredPeak) {
  EXPECT_DOUBLE_EQ(mfu(2e9, 0.5, 8e9).value(), 0.5);
  EXPECT_DOUBLE_EQ(mbu(1e9, 0.1, 2e10).value(), 0.5);
  EXPECT_FALSE(mfu(2e9, 0.5, 0.0));
  EXPECT_FALSE(mbu(1e9, 0.0, 2e10));
}

// Mistake in an earlier tool: "25–40 mJ per inference". Its own formula gives 200 times that.
TEST(EdgeEnergy, AnInferenceOf1500MsIsAtLeast7500MJ) {
  EXPECT_DOUBLE_EQ(edge_energy_mj(0.0, 1.5), 7500.0);
  EXPECT_DOUBLE_EQ(edge_energy_mj(1.0, 1.5), 22500.0);
}

// Mistake in an earlier tool: CPU % of one process goes to 100 × cores, so power above the maximum.
TEST(EdgeEnergy, UtilisationIsClamped) {
  EXPECT_DOUBLE_EQ(edge_power_w(3.7), 15.0);
  EXPECT_DOUBLE_EQ(edge_power_w(-0.2), 5.0);
}

TEST(Carbon, KilowattHoursTimesPueTimesIntensity) {
  EXPECT_DOUBLE_EQ(co2e_g(3.6e6, 1.5, 475.0), 712.5);
  EXPECT_EQ(carbon_intensity_g_per_kwh("FRA"), 56.0);
  EXPECT_EQ(carbon_intensity_g_per_kwh("WORLD"), 475.0);
  EXPECT_FALSE(carbon_intensity_g_per_kwh("ATLANTIS")) << "never a silent world average";
}

}  // namespace
}  // namespace wattle::meter
