#pragma once
// Which tokens may come next. A walk follows the tree of tokens from one state, ignorant of the
// stack below it; a token that goes beyond the rule is followed further from where the rule returns
// to. Walks depend on a state and on as many frames as tokens reach down to, so few serve a whole
// generation. They are kept, within a bound.

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "engine/grammar/lazy_automaton.hpp"
#include "engine/grammar/token_mask.hpp"
#include "engine/grammar/token_trie.hpp"

namespace wattle::engine::grammar {

// One thread at a time.
class MaskCache {
 public:
  // Walks beyond `max_bytes` (about) make all be forgotten.
  MaskCache(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const TokenTrie> trie,
            std::size_t max_bytes = kMaxBytes);

  // `allowed` becomes the tokens with a text whose bytes the configuration can read.
  // Error: it would take too long (kMaxWork).
  Status mask(const Configuration& configuration, TokenMask& allowed);

  struct Counts {
    std::size_t n_walks = 0;   // that are kept
    std::size_t bytes = 0;     // that they take
    std::uint64_t walked = 0;  // since the beginning
  };
  [[nodiscard]] Counts counts() const { return {walks_.size(), bytes_, n_walked_}; }

  static constexpr std::size_t kMaxBytes = std::size_t{32} << 20U;
  // States looked at for one mask; about a second at most.
  static constexpr std::uint64_t kMaxWork = 4'000'000;

 private:
  using WalkId = std::uint32_t;
  struct Walk {
    std::vector<std::uint64_t> bits;   // tokens that end within the rule, or just at its end: a bit
    std::vector<TokenId> tokens;       // for each token, or, where these take less room, their ids
    std::vector<std::uint32_t> exits;  // nodes at which the rule may be over; tokens go on below
    std::uint32_t depth = 0;           // of the deepest stack on the way
  };

  Result<WalkId> walk_from(StateId state);
  Result<WalkId> walk_on(WalkId before, StateId return_to);
  Result<WalkId> keep(Walk walk);
  Status follow(LazyAutomaton::Id from, std::uint32_t node, Walk& walk);
  Status add_head(const Head& head, TokenMask& allowed, bool& too_deep);
  Status mask_by_stacks(const Configuration& configuration, TokenMask& allowed) const;
  void add(std::span<const TokenId> tokens);

  std::shared_ptr<const TokenTrie> trie_;
  std::size_t max_bytes_;
  LazyAutomaton automaton_;
  std::vector<LazyAutomaton::Id> path_;  // [depth of the trie + 1]
  std::vector<Walk> walks_;
  std::unordered_map<StateId, WalkId> by_state_;
  std::unordered_map<std::uint64_t, WalkId> by_return_;  // (walk, state returned to)
  std::vector<std::uint64_t> scratch_;                   // the bits of the walk being made
  std::size_t bytes_ = 0;
  std::uint64_t n_walked_ = 0;
  std::uint64_t work_limit_ = 0;
};

}  // namespace wattle::engine::grammar
