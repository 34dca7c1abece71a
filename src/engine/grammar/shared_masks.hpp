#pragma once
// The mask cache of one grammar and one vocabulary, for any number of threads.

#include <memory>
#include <mutex>

#include "engine/grammar/mask_cache.hpp"

namespace wattle::engine::grammar {

class SharedMasks {
 public:
  SharedMasks(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const TokenTrie> trie)
      : trie_(trie), cache_(std::move(automaton), std::move(trie)) {}

  Status mask(const Configuration& configuration, TokenMask& allowed) {
    const std::scoped_lock lock(mutex_);
    return cache_.mask(configuration, allowed);
  }
  [[nodiscard]] MaskCache::Counts counts() {
    const std::scoped_lock lock(mutex_);
    return cache_.counts();
  }
  // Only this holds the vocabulary: here and in the cache.
  [[nodiscard]] bool is_orphaned() const { return trie_.use_count() == 2; }
  [[nodiscard]] const std::shared_ptr<const TokenTrie>& trie() const { return trie_; }

 private:
  std::shared_ptr<const TokenTrie> trie_;
  std::mutex mutex_;
  MaskCache cache_;
};

}  // namespace wattle::engine::grammar
