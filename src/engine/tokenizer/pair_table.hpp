#pragma once
// (left, right) → Merge, in one flat array: every word looks up each of its pairs.

#include <bit>
#include <cstdint>
#include <vector>

#include "engine/tokenizer/merge_symbols.hpp"

namespace wattle::engine {

class PairTable {
 public:
  explicit PairTable(std::size_t n_pairs)
      : entries_(std::bit_ceil(2 * n_pairs + 2)), mask_(entries_.size() - 1) {}

  // At most `n_pairs` in all. The first merge of a pair stays.
  void add(std::uint32_t left, std::uint32_t right, Merge merge) {
    Entry& entry = entries_[slot(key(left, right))];
    if (entry.merge.rank == kNone) entry = {key(left, right), merge};
  }
  [[nodiscard]] Merge find(std::uint32_t left, std::uint32_t right) const {
    return entries_[slot(key(left, right))].merge;
  }

 private:
  struct Entry {
    std::uint64_t key = 0;
    Merge merge;  // rank kNone: free
  };
  static std::uint64_t key(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | right;
  }
  // Where the key is, or the free place where it belongs; half of all places are free.
  [[nodiscard]] std::size_t slot(std::uint64_t key) const {
    std::uint64_t hash = key * 0x9E3779B97F4A7C15U;
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93U;
    std::size_t at = (hash ^ hash >> 32) & mask_;
    while (entries_[at].merge.rank != kNone && entries_[at].key != key) at = (at + 1) & mask_;
    return at;
  }

  std::vector<Entry> entries_;
  std::size_t mask_;
};

}  // namespace wattle::engine
