// Pages found by their tokens, and forgotten in the order of their last use.
#include "engine/prefix_cache.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace wattle::engine {
namespace {

class PrefixCacheTest : public testing::Test {
 protected:
  static std::shared_ptr<KvPool> make_pool() {
    ModelConfig config;
    config.n_layers = 1;
    config.n_kv_heads = 1;
    config.head_dim = 4;
    return *KvPool::create(config, KvType::f32, 16, 32, "a test", "");
  }
  static std::vector<TokenId> count(TokenId first, std::size_t n) {
    std::vector<TokenId> tokens(n);
    std::iota(tokens.begin(), tokens.end(), first);
    return tokens;
  }
  // A sequence that has computed `tokens`, is remembered, and ends.
  std::vector<const std::byte*> remember(const std::vector<TokenId>& tokens) {
    KvTable table(pool_);
    EXPECT_TRUE(table.reserve(0, tokens.size()));
    cache_.insert(tokens, 3, table);
    return {table.pages(), table.pages() + table.n_pages()};
  }
  std::size_t found(const std::vector<TokenId>& tokens, std::uint32_t layers = 3) {
    return cache_.find(tokens, layers).n_positions(16);
  }

  std::shared_ptr<KvPool> pool_ = make_pool();
  PrefixCache cache_{pool_};
};

TEST_F(PrefixCacheTest, FindsTheLongestBeginning) {
  const auto tokens = count(0, 40);
  const auto pages = remember(tokens);
  const auto match = cache_.find(count(0, 60), 3);
  EXPECT_EQ(match.pages, (std::vector<std::byte*>{const_cast<std::byte*>(pages[0]),
                                                  const_cast<std::byte*>(pages[1])}));
  EXPECT_EQ(match.partial, pages[2]);
  EXPECT_EQ(match.n_partial, 8U);
  EXPECT_EQ(found(count(0, 20)), 20U);
  auto parted = tokens;
  parted[33] = 7;
  EXPECT_EQ(found(parted), 33U);
  parted[3] = 7;
  EXPECT_EQ(found(parted), 3U);
  EXPECT_EQ(found(count(1, 40)), 0U);
  EXPECT_EQ(found(tokens, 2), 0U) << "made by other layers";
  EXPECT_EQ(found({}), 0U);
}

// The page of the second sixteen tokens depends on the first.
TEST_F(PrefixCacheTest, EqualTokensAfterOthersAreAnotherPage) {
  auto first = count(0, 32);
  remember(first);
  first[0] = 99;
  EXPECT_EQ(found(first), 0U);
}

TEST_F(PrefixCacheTest, APageThatHasFilledUpReplacesItsBeginning) {
  KvTable table(pool_);
  ASSERT_TRUE(table.reserve(0, 16));
  cache_.insert(count(0, 5), 3, table);
  cache_.insert(count(0, 9), 3, table);
  cache_.insert(count(0, 7), 3, table);
  EXPECT_EQ(found(count(0, 16)), 9U);
  cache_.insert(count(0, 16), 3, table);
  EXPECT_EQ(cache_.n_pages(), 1U);
  EXPECT_EQ(pool_->users(table.pages()[0]), 2U);
  EXPECT_EQ(cache_.find(count(0, 16), 3).pages.size(), 1U);
}

TEST_F(PrefixCacheTest, ForgetsWhatWasNotUsedForTheLongestTimeLeavesFirst) {
  remember(count(0, 32));
  remember(count(100, 32));
  EXPECT_EQ(pool_->used_pages(), 4U);
  EXPECT_EQ(cache_.n_evictable(), 4U);
  EXPECT_EQ(found(count(0, 32)), 32U);  // used again
  EXPECT_TRUE(cache_.evict_one());
  EXPECT_EQ(found(count(100, 32)), 16U) << "the end of the older";
  EXPECT_EQ(found(count(0, 32)), 32U);
  EXPECT_TRUE(cache_.evict_one());
  EXPECT_EQ(found(count(100, 32)), 0U);
  EXPECT_TRUE(cache_.evict_one());
  EXPECT_TRUE(cache_.evict_one());
  EXPECT_FALSE(cache_.evict_one());
  EXPECT_EQ(pool_->used_pages(), 0U);
}

TEST_F(PrefixCacheTest, PagesInUseAreNotEvicted) {
  remember(count(0, 32));
  KvTable user(pool_);
  user.adopt(cache_.find(count(0, 16), 3).pages[0]);
  EXPECT_EQ(cache_.n_evictable(), 1U);
  EXPECT_TRUE(cache_.evict_one());
  EXPECT_FALSE(cache_.evict_one());
  EXPECT_EQ(found(count(0, 32)), 16U);
  user.truncate(0);
  EXPECT_TRUE(cache_.evict_one());
}

}  // namespace
}  // namespace wattle::engine
