// Models that must be refused, and what a loaded one says about itself.
#include <gtest/gtest.h>

#include <functional>

#include "base/test_folder.hpp"
#include "engine/generate.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

class LoadTest : public testing::Test {
 protected:
  // The message of the error that loading gives after `change`.
  std::string error_after(const std::function<void(GgufWriter&)>& change,
                          const TestShape& shape = {}) {
    TestModel model(shape);
    change(model.writer());
    EXPECT_TRUE(model.write(path_));
    const auto loaded = Model::load(path_);
    EXPECT_FALSE(loaded) << "was loaded";
    if (loaded) return {};
    EXPECT_NE(loaded.error().what.find("model.gguf"), std::string::npos) << loaded.error().what;
    EXPECT_FALSE(loaded.error().remedy.empty()) << loaded.error().what;
    return loaded.error().message();
  }
  std::string error_with(const std::string& key, std::uint32_t value) {
    return error_after([&](GgufWriter& w) { w.set_uint32(key, value); });
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
};

TEST_F(LoadTest, AModelDescribesItself) {
  const TestModel test_model({.type = TensorType::q4_0});
  ASSERT_TRUE(test_model.write(path_));
  const auto model = *Model::load(path_, {.threads = 1});
  EXPECT_EQ(model->config().architecture, "llama");
  EXPECT_EQ(model->config().n_layers, 3U);
  EXPECT_EQ(model->config().n_vocab, 320U);
  EXPECT_EQ(model->precision(), "Q4_0");
  EXPECT_EQ(model->threads(), 1);
  EXPECT_EQ(model->tokenizer().vocab_size(), 320U);
  // By hand, in Q4_0 (18 bytes per 32): a layer has (64·64 + 2·32·64 + 64·64 + 3·96·64) weights =
  // 30,720 → 17,280 bytes and two norms of 256; the head 320·64 → 11,520 bytes, its norm 256, one
  // embedding row 36.
  EXPECT_EQ(model->bytes_per_token(), 3U * (17280 + 512) + 11520 + 256 + 36);
  EXPECT_EQ(model->bytes_per_token(1), 1U * (17280 + 512) + 11520 + 256 + 36);
}

// What stays in the file's mapping is multiplied in F32.
TEST_F(LoadTest, WhatIsRepackedCanBeChosen) {
  const auto arithmetic_of = [this](TensorType type, Repack repack) {
    EXPECT_TRUE(TestModel({.type = type}).write(path_));
    const auto model = *Model::load(path_, {.threads = 1, .repack = repack});
    return model->arithmetic();
  };
  EXPECT_EQ(arithmetic_of(TensorType::q4_0, Repack::all), Arithmetic::int8);
  EXPECT_EQ(arithmetic_of(TensorType::q4_0, Repack::blocks), Arithmetic::int8);
  EXPECT_EQ(arithmetic_of(TensorType::q4_0, Repack::none), Arithmetic::f32);
  EXPECT_EQ(arithmetic_of(TensorType::f16, Repack::blocks), Arithmetic::f32);
  EXPECT_EQ(arithmetic_of(TensorType::f16, Repack::none), Arithmetic::f32);
}

TEST_F(LoadTest, SizesThatCannotBeAreRefusedByKey) {
  EXPECT_NE(error_with("llama.block_count", 0).find("llama.block_count is 0"), std::string::npos);
  EXPECT_NE(error_with("llama.embedding_length", 0).find("embedding_length"), std::string::npos);
  EXPECT_NE(error_with("llama.attention.head_count_kv", 3).find("does not divide"),
            std::string::npos);
  EXPECT_NE(error_with("llama.attention.value_length", 8).find("value_length"), std::string::npos);
  EXPECT_NE(error_with("llama.rope.dimension_count", 7).find("even"), std::string::npos);
  EXPECT_NE(error_with("llama.rope.dimension_count", 18).find("at most"), std::string::npos);
  EXPECT_NE(error_with("llama.context_length", 0).find("context_length"), std::string::npos);
  EXPECT_NE(error_with("llama.feed_forward_length", 0xFFFFFFFFU).find("between 1 and"),
            std::string::npos);
}

TEST_F(LoadTest, NumbersThatAreNotPositiveAreRefused) {
  EXPECT_NE(error_after([](GgufWriter& w) {
              w.set_float32("llama.rope.freq_base", std::nanf(""));
            }).find("freq_base"),
            std::string::npos);
  EXPECT_NE(error_after([](GgufWriter& w) {
              w.set_float32("llama.attention.layer_norm_rms_epsilon", -1.0F);
            }).find("rms_epsilon"),
            std::string::npos);
}

TEST_F(LoadTest, TensorsThatDoNotFitTheKeysAreRefusedByName) {
  const auto shape = error_with("llama.feed_forward_length", 64);
  EXPECT_NE(shape.find("blk.0.ffn_gate.weight"), std::string::npos) << shape;
  EXPECT_NE(error_with("llama.block_count", 4).find("blk.3.attn_norm.weight' is missing"),
            std::string::npos);
  // A layer less: its tensors are left over.
  EXPECT_NE(error_with("llama.block_count", 2).find("blk.2."), std::string::npos);
}

TEST_F(LoadTest, WhatIsNotSupportedIsNamed) {
  const auto architecture =
      error_after([](GgufWriter& w) { w.set_string("general.architecture", "mamba"); });
  EXPECT_NE(architecture.find("mamba"), std::string::npos);
  EXPECT_NE(architecture.find("llama"), std::string::npos) << architecture;
  EXPECT_NE(error_with("llama.expert_count", 8).find("expert_count"), std::string::npos);
  EXPECT_NE(error_after([](GgufWriter& w) {
              w.set_string("llama.rope.scaling.type", "yarn");
            }).find("yarn"),
            std::string::npos);
  const auto extra = error_after([](GgufWriter& w) {
    w.add_tensor("blk.0.attn_q.bias", TensorType::f32, {1}, [](const GgufWriter::Sink& sink) {
      const float zero = 0;
      return sink(std::as_bytes(std::span(&zero, 1)));
    });
  });
  EXPECT_NE(extra.find("attn_q.bias"), std::string::npos);
}

TEST_F(LoadTest, AVocabularyOfAnotherSizeIsRefused) {
  const auto message = error_after([](GgufWriter& w) {
    w.set_strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>"});
    w.set_floats32("tokenizer.ggml.scores", {0, 0, 0});
    w.set_ints32("tokenizer.ggml.token_type", {2, 3, 3});
  });
  EXPECT_NE(message.find("3 tokens"), std::string::npos) << message;
}

TEST_F(LoadTest, NotAModelAndNoFileAreErrors) {
  EXPECT_FALSE(Model::load(folder_.write("x.gguf", "hello")));
  EXPECT_EQ(Model::load(folder_.path() / "none.gguf").error().code, ErrorCode::not_found);
}

TEST_F(LoadTest, ThreadsAndContextHaveLimits) {
  ASSERT_TRUE(TestModel({.context = 1U << 24U}).write(path_));
  EXPECT_EQ(Model::load(path_, {.threads = -1}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(Model::load(path_, {.threads = 1 << 20}).error().code, ErrorCode::invalid_argument);
  const auto model = *Model::load(path_, {.threads = 1});
  const auto beyond = Session::create(model, {.context = (1U << 24U) + 1});
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::out_of_range);
  const auto small = Session::create(model, {.context = 100});
  ASSERT_TRUE(small);
  // 3 layers · 2 heads · 128 positions (two pages) · 16 dimensions · 2 bytes, keys and values.
  EXPECT_EQ((*small)->kv_bytes(), 2U * 3 * 2 * 128 * 16 * 2);
  const auto fitting = *Session::create(model, {.context = 100, .kv_page = 16});
  EXPECT_EQ(fitting->kv_bytes(), 2U * 3 * 2 * 112 * 16 * 2);
  // One byte an element, and two scales for each position.
  const auto eighth = *Session::create(model, {.context = 100, .kv_type = KvType::i8});
  EXPECT_EQ(eighth->kv_bytes(), 2U * 3 * 2 * 128 * (16 + 4));
}

TEST_F(LoadTest, AContextThatMemoryCannotHoldIsAnErrorWithARemedy) {
  // 16 M positions of 64 layers' keys and values would be 500 GB.
  ASSERT_TRUE(TestModel({.n_layers = 64,
                         .d_model = 64,
                         .d_ff = 8,
                         .n_heads = 4,
                         .n_kv_heads = 4,
                         .context = 1U << 24U})
                  .write(path_));
  const auto session = Session::create(*Model::load(path_, {.threads = 1}));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::resource_exhausted);
  EXPECT_NE(session.error().message().find("--ctx"), std::string::npos);
}

}  // namespace
}  // namespace wattle::engine
