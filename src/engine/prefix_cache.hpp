#pragma once
// Pages of prompts that have been processed, found by their tokens, so that a prompt that begins
// like an earlier one starts where they part. A page's keys and values depend on all tokens before
// it: pages form a tree, and a page is found by the chain of token hashes from its root. Tokens are
// compared too, so that equal hashes do no harm.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/kv_cache.hpp"

namespace wattle::engine {

// One thread at a time. Keeps a reference to each of its pages.
class PrefixCache {
 public:
  explicit PrefixCache(std::shared_ptr<KvPool> pool);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  struct Match {
    std::vector<std::byte*> pages;  // whole pages, from position 0 on
    std::byte* partial = nullptr;   // the page after them, of which
    std::size_t n_partial = 0;      // so many first positions fit
    [[nodiscard]] std::size_t n_positions(std::size_t page_positions) const {
      return pages.size() * page_positions + n_partial;
    }
  };
  // The longest known beginning of `tokens`, whose keys and values were made by layers 1…n_layers.
  // The pages are the cache's: retain or copy them before anything else is done with it.
  [[nodiscard]] Match find(std::span<const TokenId> tokens, std::uint32_t n_layers);

  // Remembers the pages that hold `tokens`, which must be exact: every token through layers
  // 1…n_layers. The owner may go on writing behind them.
  void insert(std::span<const TokenId> tokens, std::uint32_t n_layers, const KvTable& table);

  // Forgets those of these pages that nobody else uses and nothing that is kept follows.
  void forget(std::span<const std::byte* const> pages);

  [[nodiscard]] std::size_t n_pages() const { return nodes_; }
  // Pages that nobody else uses.
  [[nodiscard]] std::size_t n_evictable() const;
  // Forgets the page that was not used for the longest time, of those that nobody else uses, and
  // what follows it. False if there is none.
  bool evict_one();

 private:
  struct Node {
    Node* parent = nullptr;
    std::uint64_t hash = 0;
    std::vector<TokenId> tokens;  // that the page holds; fewer than a page's in a leaf only
    std::byte* page = nullptr;
    std::uint64_t last_used = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Node>> children;
  };

  Node& root(std::uint32_t n_layers) { return roots_[n_layers]; }
  Node* child(Node& node, std::span<const TokenId> tokens);
  void add(Node& node, std::span<const TokenId> tokens, std::byte* page);
  void add_partial(Node& node, std::span<const TokenId> tokens, std::byte* page);
  void remove(Node& node);
  void release(Node& node);
  void prune(Node& node, std::span<const std::byte* const> pages);
  void touch(Node* node);
  template <class Visit>
  void for_each(Visit&& visit);

  std::shared_ptr<KvPool> pool_;
  std::unordered_map<std::uint32_t, Node> roots_;  // by number of layers
  std::size_t nodes_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace wattle::engine
