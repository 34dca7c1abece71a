#pragma once
// The heart of both tokenizers: merge the best pair of neighbours until none is left. A heap of
// (rank, position) makes it n log n; a stale entry is recognised because its pair has another rank
// by now. Lower rank first; of equal ranks the leftmost.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace wattle::engine {

inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

struct Merge {
  std::uint32_t rank = kNone;  // kNone: these two do not merge
  std::uint32_t id = 0;
};

struct Symbol {
  std::uint32_t id = 0;
  std::uint32_t begin = 0;  // bytes into the text
  std::uint32_t n_bytes = 0;
  std::uint32_t previous = kNone, next = kNone;  // neighbours, as indices
  Merge with_next;
};

// Kept between words to save allocations.
struct MergeWorkspace {
  std::vector<Symbol> symbols;
  std::vector<std::uint64_t> heap;
};

// Merges workspace.symbols in place; what is left is the chain of `next` from symbol 0.
// `find(left, right)` gives the Merge of two neighbouring symbols; it is called at most
// 3 × symbols times.
template <class Find>
void merge_symbols(MergeWorkspace& workspace, const Find& find) {
  auto& symbols = workspace.symbols;
  auto& heap = workspace.heap;
  const std::greater<> lowest_first;
  heap.clear();
  const auto key = [](std::uint32_t rank, std::uint32_t left) {
    return static_cast<std::uint64_t>(rank) << 32 | left;
  };
  const auto update = [&](std::uint32_t left) {
    Symbol& symbol = symbols[left];
    symbol.with_next = symbol.next == kNone ? Merge{} : find(symbol, symbols[symbol.next]);
    if (symbol.with_next.rank == kNone) return false;
    heap.push_back(key(symbol.with_next.rank, left));
    return true;
  };
  const auto n = static_cast<std::uint32_t>(symbols.size());
  for (std::uint32_t i = 0; i < n; ++i) {
    symbols[i].previous = i == 0 ? kNone : i - 1;
    symbols[i].next = i + 1 == n ? kNone : i + 1;
    update(i);
  }
  std::ranges::make_heap(heap, lowest_first);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, lowest_first);
    const std::uint64_t best = heap.back();
    heap.pop_back();
    const auto left = static_cast<std::uint32_t>(best);
    Symbol& symbol = symbols[left];
    if (symbol.with_next.rank != static_cast<std::uint32_t>(best >> 32)) continue;
    Symbol& right = symbols[symbol.next];
    symbol.id = symbol.with_next.id;
    symbol.n_bytes += right.n_bytes;
    symbol.next = right.next;
    right.with_next = {};
    if (symbol.next != kNone) symbols[symbol.next].previous = left;
    if (update(left)) std::ranges::push_heap(heap, lowest_first);
    if (symbol.previous != kNone && update(symbol.previous)) {
      std::ranges::push_heap(heap, lowest_first);
    }
  }
}

}  // namespace wattle::engine
