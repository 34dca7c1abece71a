// Pages of keys and values: who uses them, what they cost, and that neither their size nor their
// order nor eight bits change what they should not.
#include "engine/kv_cache.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "engine/generate.hpp"
#include "engine/kernels/isa.hpp"
#include "engine/test_model.hpp"
#include "wattle_folders.hpp"

namespace wattle::engine {
namespace {

ModelConfig small_config() {
  ModelConfig config;
  config.n_layers = 2;
  config.n_kv_heads = 3;
  config.head_dim = 10;
  return config;
}

std::shared_ptr<KvPool> small_pool(std::size_t max_pages, KvType type = KvType::f32) {
  return *KvPool::create(small_config(), type, 16, max_pages, "a test", "");
}

TEST(KvLayout, PartsOfAPageDoNotOverlap) {
  for (const KvType type : {KvType::f16, KvType::f32, KvType::i8}) {
    const KvLayout at(small_config(), type, 20);
    EXPECT_EQ(at.page_positions, 32U);
    EXPECT_EQ(at.value_stride, 16U);
    const std::size_t element = type == KvType::f32 ? 4 : type == KvType::f16 ? 2 : 1;
    EXPECT_GE(at.values, 32 * 10 * element);
    EXPECT_GE(at.key_scales, at.values + 32 * 16 * element);
    EXPECT_GE(at.head_bytes, at.value_scales + (type == KvType::i8 ? 32 * 4 : 0));
    for (const std::size_t part : {at.values, at.key_scales, at.value_scales, at.head_bytes}) {
      EXPECT_EQ(part % 64, 0U);
    }
    EXPECT_EQ(at.page_bytes, 6 * at.head_bytes);
    EXPECT_EQ(at.offset(1, 2), 5 * at.head_bytes);
  }
}

TEST(KvPool, GivesEveryPageOnceAndTakesItBack) {
  const auto pool = small_pool(3);
  const std::byte* const a = pool->acquire();
  const std::byte* const b = pool->acquire();
  const std::byte* const c = pool->acquire();
  EXPECT_EQ(pool->used_pages(), 3U);
  EXPECT_TRUE(a != b && b != c && a != c);
  EXPECT_EQ(pool->acquire(), nullptr);
  pool->retain(b);
  pool->release(b);
  EXPECT_EQ(pool->users(b), 1U);
  EXPECT_EQ(pool->used_pages(), 3U);
  pool->release(b);
  EXPECT_EQ(pool->used_pages(), 2U);
  EXPECT_EQ(pool->acquire(), b);
  EXPECT_EQ(pool->peak_pages(), 3U);
}

TEST(KvPool, AFreePageIsGivenBackToTheSystem) {
  ModelConfig config = small_config();
  config.head_dim = 64;
  config.n_layers = 16;
  const auto pool = *KvPool::create(config, KvType::f32, 64, 2, "a test", "");
  std::byte* const page = pool->acquire();
  std::memset(page, 0x11, pool->layout().page_bytes);
  pool->release(page);
  ASSERT_EQ(pool->acquire(), page);
  EXPECT_EQ(page[pool->layout().page_bytes / 2], std::byte{0}) << "the old memory is still there";
}

TEST(KvPool, TooManyPagesAreAnErrorWithARemedy) {
  const auto pool = KvPool::create(small_config(), KvType::f32, 16, std::size_t{1} << 40U,
                                   "so many pages", "Choose fewer.");
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().code, ErrorCode::resource_exhausted);
  EXPECT_NE(pool.error().message().find("Choose fewer"), std::string::npos);
}

TEST(KvTable, HoldsNoMoreThanItsPositionsNeed) {
  const auto pool = small_pool(5);
  {
    KvTable table(pool);
    EXPECT_TRUE(table.reserve(0, 1));
    EXPECT_EQ(pool->used_pages(), 1U);
    EXPECT_TRUE(table.reserve(1, 16));
    EXPECT_EQ(pool->used_pages(), 1U);
    EXPECT_TRUE(table.reserve(16, 65));
    EXPECT_EQ(pool->used_pages(), 5U);
    EXPECT_FALSE(table.reserve(65, 81)) << "the pool has no sixth page";
    table.truncate(33);
    EXPECT_EQ(pool->used_pages(), 3U);
    KvTable moved(std::move(table));
    EXPECT_EQ(pool->used_pages(), 3U);
    moved = KvTable(pool);
    EXPECT_EQ(pool->used_pages(), 0U);
    EXPECT_TRUE(moved.reserve(0, 40));
  }
  EXPECT_EQ(pool->used_pages(), 0U);
}

TEST(KvTable, APageOfAnotherIsCopiedBeforeItIsWritten) {
  const auto pool = small_pool(4);
  const Kernels& kernels = kernels_for(Isa::scalar);
  const std::size_t n = 30;
  const std::vector<float> ones(n, 1.0F);
  const std::vector<float> twos(n, 2.0F);
  KvTable first(pool);
  ASSERT_TRUE(first.reserve(0, 16));
  first.store(kernels, 1, 7, ones.data(), ones.data());
  auto* page = const_cast<std::byte*>(first.pages()[0]);
  KvTable second(pool);
  second.adopt(page);
  EXPECT_EQ(pool->used_pages(), 1U);
  EXPECT_EQ(pool->users(page), 2U);
  ASSERT_TRUE(second.reserve(8, 9));
  EXPECT_EQ(pool->used_pages(), 2U);
  EXPECT_EQ(pool->users(page), 1U);
  const std::vector<std::byte> before(page, page + pool->layout().page_bytes);
  EXPECT_EQ(std::memcmp(second.pages()[0], page, before.size()), 0);
  second.store(kernels, 1, 8, twos.data(), twos.data());
  EXPECT_NE(std::memcmp(second.pages()[0], page, before.size()), 0);
  EXPECT_EQ(std::memcmp(before.data(), page, before.size()), 0);
  KvTable third(pool);
  ASSERT_TRUE(third.append_copy(page));
  EXPECT_NE(third.pages()[0], page);
  EXPECT_EQ(std::memcmp(third.pages()[0], page, before.size()), 0);
}

const std::vector<TokenId> kTokens = {1, 300, 17, 44,  259, 310, 8, 299, 4,  5,  6,   7,
                                      8, 9,   10, 200, 3,   2,   0, 319, 42, 77, 150, 33};

std::vector<TokenId> long_prompt() {
  std::vector<TokenId> tokens;
  for (int i = 0; i < 60; ++i) tokens.push_back(static_cast<TokenId>((i * 37 + i * i) % 320));
  return tokens;
}

std::vector<std::vector<float>> logits(const std::shared_ptr<const Model>& model,
                                       const SessionOptions& options,
                                       std::span<const TokenId> tokens) {
  const auto session = *Session::create(model, options);
  std::vector<std::vector<float>> out;
  auto positions = *all_logits(*session, tokens);
  for (auto& position : positions) out.push_back(std::move(position.logits));
  return out;
}

TEST(PagedCache, TheSizeOfPagesChangesNoBit) {
  const TestFolder folder;
  const auto path = folder.path() / "model.gguf";
  for (const TestShape& shape :
       {TestShape{.type = TensorType::f16}, TestShape{.type = TensorType::q8_0, .gemma2 = true},
        TestShape{.n_heads = 6, .n_kv_heads = 3, .head_dim = 10, .rope_dims = 6}}) {
    ASSERT_TRUE(TestModel(shape).write(path));
    const auto model = *Model::load(path, {.threads = 2});
    for (const KvType type : {KvType::f16, KvType::f32, KvType::i8}) {
      const auto contiguous = logits(model, {.kv_type = type, .kv_page = 64}, long_prompt());
      for (const std::uint32_t page : {16U, 32U, 48U}) {
        EXPECT_EQ(logits(model, {.kv_type = type, .kv_page = page, .batch = 7}, long_prompt()),
                  contiguous)
            << page;
      }
    }
  }
}

// Of 16 values of a normal distribution the largest is about 1.8 σ, so a step of max / 127 leaves
// an error of 1.8 / 127 / √12 = 0.4 % of σ, 1.7e-5 in squares, in each of keys and values; softmax
// and three layers may make that some times larger.
TEST(EightBitCache, StaysCloseToFloats) {
  const TestFolder folder;
  const auto path = folder.path() / "model.gguf";
  for (const TestShape& shape :
       {TestShape{}, TestShape{.gemma2 = true}, TestShape{.n_kv_heads = 4},
        TestShape{.n_heads = 6, .n_kv_heads = 3, .head_dim = 10, .rope_dims = 6}}) {
    ASSERT_TRUE(TestModel(shape).write(path));
    const auto model = *Model::load(path, {.threads = 1});
    const auto exact = logits(model, {.kv_type = KvType::f32}, kTokens);
    const auto small = logits(model, {.kv_type = KvType::i8}, kTokens);
    double error = 0;
    double total = 0;
    for (std::size_t p = 0; p < exact.size(); ++p) {
      for (std::size_t i = 0; i < exact[p].size(); ++i) {
        error += std::pow(double{small[p][i]} - double{exact[p][i]}, 2);
        total += std::pow(double{exact[p][i]}, 2);
      }
    }
    EXPECT_LT(error / total, 5e-4);
    EXPECT_GT(error, 0.0) << "the cache is not in eight bits";
  }
}

TEST(EightBitCache, KeepsTheTopTokenOfTheShippedModel) {
  const std::filesystem::path source = WATTLE_SOURCE_DIR;
  const auto model = *Model::load(source / "models/telemetry-16l.gguf");
  const std::string suite = *read_file(source / "prompts/telemetry-heldout.jsonl");
  const auto half = *Session::create(model, {.kv_type = KvType::f16});
  const auto eighth = *Session::create(model, {.kv_type = KvType::i8});
  std::size_t n = 0;
  std::size_t same = 0;
  std::size_t line_number = 0;
  for (std::size_t begin = 0; begin < suite.size(); ++line_number) {
    const std::size_t end = suite.find('\n', begin);
    const std::string line = suite.substr(begin, end - begin);
    begin = end == std::string::npos ? suite.size() : end + 1;
    if (line_number % 10 != 0) continue;  // a tenth: every template has its share
    const auto prompt = (*parse_json(line, "suite"))["text"].get<std::string>();
    auto tokens = model->tokenizer().encode(prompt, {});
    half->rewind(0);
    const auto answer = generate(*half, tokens, {.max_tokens = 40});
    ASSERT_TRUE(answer) << answer.error().message();
    for (const auto& token : answer->tokens) tokens.push_back(token.id);
    half->rewind(0);
    eighth->rewind(0);
    const auto expected = *all_logits(*half, tokens);
    const auto actual = *all_logits(*eighth, tokens);
    for (std::size_t p = 0; p < tokens.size(); ++p) {
      ++n;
      same += expected[p].argmax == actual[p].argmax ? 1 : 0;
    }
  }
  const double share = static_cast<double>(same) / static_cast<double>(n);
  RecordProperty("same_top_token", fmt::format("{:.5f}", share));
  fmt::print("same top token, INT8 against F16 cache: {} of {} ({:.3f} %)\n", same, n, 100 * share);
  EXPECT_GT(n, 5000U);
  EXPECT_GE(share, 0.99);
}

}  // namespace
}  // namespace wattle::engine
