#include "engine/tokenizer/merge_symbols.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>

namespace wattle::engine {
namespace {

using Pairs = std::map<std::pair<std::uint32_t, std::uint32_t>, Merge>;

MergeWorkspace workspace_of(const std::vector<std::uint32_t>& ids) {
  MergeWorkspace workspace;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    workspace.symbols.push_back(
        {.id = ids[i], .begin = static_cast<std::uint32_t>(i), .n_bytes = 1, .with_next = {}});
  }
  return workspace;
}

std::vector<std::uint32_t> chain(const MergeWorkspace& workspace) {
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = workspace.symbols.empty() ? kNone : 0; i != kNone;
       i = workspace.symbols[i].next) {
    ids.push_back(workspace.symbols[i].id);
  }
  return ids;
}

// The definition: look for the lowest rank, leftmost first, again and again.
std::vector<std::uint32_t> merge_naively(std::vector<std::uint32_t> ids, const Pairs& pairs) {
  for (;;) {
    Merge best;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = pairs.find({ids[i], ids[i + 1]});
      if (found != pairs.end() && found->second.rank < best.rank) {
        best = found->second;
        at = i;
      }
    }
    if (best.rank == kNone) return ids;
    ids[at] = best.id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(MergeSymbols, EqualsTheDefinitionOnRandomPairs) {
  std::mt19937 generator(1);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(generator() % n); };
  for (int round = 0; round < 2000; ++round) {
    Pairs pairs;
    const std::uint32_t n_ids = 2 + below(6);
    for (std::uint32_t i = 0; i < 12; ++i) {  // few ranks, so that many are equal
      pairs[{below(n_ids), below(n_ids)}] = {below(5), below(n_ids)};
    }
    std::vector<std::uint32_t> ids(below(30));
    for (auto& id : ids) id = below(n_ids);
    auto workspace = workspace_of(ids);
    merge_symbols(workspace, [&](const Symbol& left, const Symbol& right) {
      const auto found = pairs.find({left.id, right.id});
      return found == pairs.end() ? Merge{} : found->second;
    });
    ASSERT_EQ(chain(workspace), merge_naively(ids, pairs)) << "round " << round;
  }
}

TEST(MergeSymbols, LooksUpAtMostThreePairsASymbol) {
  for (const std::size_t n : {1UL, 2UL, 1000UL, 100'000UL}) {
    auto workspace = workspace_of(std::vector<std::uint32_t>(n, 0));
    std::size_t n_lookups = 0;
    merge_symbols(workspace, [&](const Symbol& left, const Symbol& right) {
      ++n_lookups;  // equal neighbours double: everything that can merge does
      return left.id == right.id ? Merge{left.id, left.id + 1} : Merge{};
    });
    EXPECT_LE(n_lookups, 3 * n);
  }
}

}  // namespace
}  // namespace wattle::engine
