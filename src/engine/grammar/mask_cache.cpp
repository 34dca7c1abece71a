#include "engine/grammar/mask_cache.hpp"

#include <algorithm>
#include <bit>

namespace wattle::engine::grammar {
namespace {

std::unexpected<Error> too_much_work() {
  return fail(ErrorCode::resource_exhausted,
              "the grammar can be read in too many ways here to find the tokens it allows",
              "Make its alternatives begin differently.");
}

}  // namespace

MaskCache::MaskCache(std::shared_ptr<const Automaton> automaton,
                     std::shared_ptr<const TokenTrie> trie, std::size_t max_bytes)
    : trie_(std::move(trie)), max_bytes_(max_bytes), automaton_(std::move(automaton)) {
  path_.resize(trie_->max_depth() + 1U);
  scratch_.resize((trie_->n_tokens() + 63) / 64);
}

Status MaskCache::mask(const Configuration& configuration, TokenMask& allowed) {
  work_limit_ = automaton_.work() + kMaxWork;
  allowed.clear();
  for (const Head& head : configuration.heads) {
    bool too_deep = false;
    const Status added = add_head(head, allowed, too_deep);
    if (!added) {
      std::ranges::fill(scratch_, 0);  // of a walk that was not finished
      return added;
    }
    if (too_deep) return mask_by_stacks(configuration, allowed);
  }
  return {};
}

// The plain way: every node of the tree with the stacks as they are.
Status MaskCache::mask_by_stacks(const Configuration& configuration, TokenMask& allowed) const {
  allowed.clear();
  const auto nodes = trie_->nodes();
  std::vector<Configuration> path(path_.size());
  path[0] = configuration;
  std::uint64_t work = 0;
  for (std::uint32_t i = 1; i < nodes.size();) {
    const TokenTrie::Node& here = nodes[i];
    path[here.depth] = advance(automaton_.automaton(), path[here.depth - 1], here.byte);
    work += path[here.depth].visited;
    if (work > kMaxWork) return too_much_work();
    if (!path[here.depth].dead()) {
      for (const TokenId token : trie_->tokens_at(i)) allowed.set(token);
    }
    i = path[here.depth].heads.empty() ? here.end : i + 1;
  }
  return {};
}

Status MaskCache::add_head(const Head& head, TokenMask& allowed, bool& too_deep) {
  WATTLE_TRY(WalkId id, walk_from(head.state));
  for (const Frame* frame = head.stack.get();; frame = frame->below.get()) {
    const Walk& walk = walks_[id];
    const auto words = allowed.words();
    for (std::size_t w = 0; w < walk.bits.size(); ++w) words[w] |= walk.bits[w];
    for (const TokenId token : walk.tokens) allowed.set(token);
    // A walk does not know how deep it stands.
    too_deep = (frame != nullptr ? frame->depth : 0) + walk.depth > kMaxDepth;
    if (too_deep || walk.exits.empty() || frame == nullptr) return {};
    WATTLE_TRY(id, walk_on(id, frame->return_to));
  }
}

Result<MaskCache::WalkId> MaskCache::walk_from(StateId state) {
  // Here no walk is in use.
  if (bytes_ > max_bytes_) {
    walks_.clear();
    by_state_.clear();
    by_return_.clear();
    bytes_ = 0;
  }
  if (const auto found = by_state_.find(state); found != by_state_.end()) return found->second;
  Walk walk;
  WATTLE_CHECK(follow(automaton_.at(state), 0, walk));
  WATTLE_TRY(const WalkId id, keep(std::move(walk)));
  by_state_.emplace(state, id);
  return id;
}

Result<MaskCache::WalkId> MaskCache::walk_on(WalkId before, StateId return_to) {
  const std::uint64_t key = std::uint64_t{before} << 32U | return_to;
  if (const auto found = by_return_.find(key); found != by_return_.end()) return found->second;
  Walk walk;
  LazyAutomaton::Id start = automaton_.behind(return_to);
  const bool ended = automaton_.facts(start).ended;
  for (const std::uint32_t node : walks_[before].exits) {
    if (ended) walk.exits.push_back(node);
    WATTLE_CHECK(follow(start, node, walk));
    start = path_[trie_->nodes()[node].depth];  // it may have a new id
  }
  WATTLE_TRY(const WalkId id, keep(std::move(walk)));
  by_return_.emplace(key, id);
  return id;
}

// Takes the bits of the walk from the scratch memory.
Result<MaskCache::WalkId> MaskCache::keep(Walk walk) {
  std::size_t n = 0;
  for (const std::uint64_t word : scratch_) n += static_cast<std::size_t>(std::popcount(word));
  if (n * sizeof(TokenId) > scratch_.size() * sizeof(std::uint64_t)) {
    walk.bits = scratch_;
  } else {
    for (std::size_t w = 0; w < scratch_.size(); ++w) {
      for (std::uint64_t left = scratch_[w]; left != 0; left &= left - 1) {
        walk.tokens.push_back(
            static_cast<TokenId>(w * 64 + static_cast<std::size_t>(std::countr_zero(left))));
      }
    }
  }
  std::ranges::fill(scratch_, 0);
  walk.exits.shrink_to_fit();
  bytes_ += 128 + walk.bits.size() * sizeof(std::uint64_t) + walk.tokens.size() * sizeof(TokenId) +
            walk.exits.size() * sizeof(std::uint32_t);
  ++n_walked_;
  walks_.push_back(std::move(walk));
  return static_cast<WalkId>(walks_.size() - 1);
}

void MaskCache::add(std::span<const TokenId> tokens) {
  for (const TokenId token : tokens) {
    const auto i = static_cast<std::size_t>(token);
    scratch_[i / 64] |= std::uint64_t{1} << (i % 64);
  }
}

// Everything below `node`, where the automaton is in `from`.
Status MaskCache::follow(LazyAutomaton::Id from, std::uint32_t node, Walk& walk) {
  const auto nodes = trie_->nodes();
  const std::uint32_t top = nodes[node].depth;
  path_[top] = from;
  walk.depth = std::max(walk.depth, automaton_.facts(from).depth);
  for (std::uint32_t i = node + 1; i < nodes[node].end;) {
    const TokenTrie::Node& here = nodes[i];
    const LazyAutomaton::Id at = automaton_.next(path_[here.depth - 1], here.byte);
    if (at == LazyAutomaton::kDead) {
      i = here.end;
      continue;
    }
    path_[here.depth] = at;
    const LazyAutomaton::Facts facts = automaton_.facts(at);
    walk.depth = std::max(walk.depth, facts.depth);
    const bool leaf = here.end == i + 1;
    if (facts.ended && !leaf) walk.exits.push_back(i);
    if (!leaf && (here.bytes & ~automaton_.safe_groups(at, here.height)) == 0) {
      add(trie_->tokens_under(i));
      i = here.end;
    } else {
      add(trie_->tokens_at(i));
      i = facts.reads ? i + 1 : here.end;
    }
    if (automaton_.work() > work_limit_) return too_much_work();
    if (automaton_.full()) automaton_.compact({&path_[top], here.depth + 1 - top});
  }
  return {};
}

}  // namespace wattle::engine::grammar
