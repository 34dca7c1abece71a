#include "engine/grammar/lazy_automaton.hpp"

#include <algorithm>
#include <tuple>

#include "engine/grammar/token_trie.hpp"

namespace wattle::engine::grammar {
namespace {

std::uint64_t hash_of(const Head& head) {
  return head.stack ? head.stack->hash : 0;
}

std::uint64_t hash_of(const Configuration& configuration) {
  std::uint64_t hash = configuration.ended ? 1 : 2;
  for (const Head& head : configuration.heads) {
    hash = (hash ^ head.state) * 0x9E3779B97F4A7C15U;
    hash = (hash ^ (hash >> 32U) ^ hash_of(head)) * 0xBF58476D1CE4E5B9U;
  }
  return hash;
}

bool same(const Configuration& a, const Configuration& b) {
  return a.ended == b.ended &&
         std::ranges::equal(a.heads, b.heads, [](const Head& x, const Head& y) {
           return x.state == y.state && same_stack(x.stack.get(), y.stack.get());
         });
}

}  // namespace

LazyAutomaton::LazyAutomaton(std::shared_ptr<const Automaton> automaton)
    : automaton_(std::move(automaton)), n_classes_(automaton_->n_classes()) {
  clear();
}

void LazyAutomaton::clear() {
  configurations_.clear();
  facts_.clear();
  runs_.clear();
  table_.clear();
  by_hash_.clear();
  intern({});  // kDead
}

LazyAutomaton::Id LazyAutomaton::intern(Configuration configuration) {
  work_ += configuration.visited;
  std::ranges::sort(configuration.heads, {}, [](const Head& head) {
    return std::tuple(head.state, depth_of(head.stack), hash_of(head));
  });
  const std::uint64_t hash = hash_of(configuration);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (same(configurations_[it->second], configuration)) return it->second;
  }
  const auto id = static_cast<Id>(configurations_.size());
  by_hash_.emplace(hash, id);
  Facts facts{.ended = configuration.ended, .reads = !configuration.heads.empty()};
  for (const Head& head : configuration.heads) {
    facts.depth = std::max(facts.depth, depth_of(head.stack));
  }
  facts_.push_back(facts);
  runs_.push_back({});
  configurations_.push_back(std::move(configuration));
  table_.resize(table_.size() + n_classes_, id == kDead ? kDead : kUnknown);
  return id;
}

LazyAutomaton::Id LazyAutomaton::at(StateId state) {
  return intern({.heads = {{state, nullptr}}});
}

LazyAutomaton::Id LazyAutomaton::behind(StateId state) {
  return intern(arrive(*automaton_, state, nullptr));
}

LazyAutomaton::Id LazyAutomaton::find_next(Id from, std::uint8_t byte) {
  const Id found = intern(advance(*automaton_, configurations_[from], byte));
  table_[from * n_classes_ + automaton_->class_of(byte)] = found;
  return found;
}

const LazyAutomaton::Run& LazyAutomaton::run_of(Id from) {
  if (runs_[from].known) return runs_[from];
  Run run{.known = true, .next = next(from, 'g')};
  const bool plain = !facts_[run.next].ended && facts_[run.next].depth <= facts_[from].depth;
  if (run.next != kDead && plain) {
    std::uint64_t others = 0;
    for (unsigned b = 0; b < 0x80; ++b) {
      const auto byte = static_cast<std::uint8_t>(b);
      const std::uint64_t group = std::uint64_t{1} << TokenTrie::byte_group(byte);
      (next(from, byte) == run.next ? run.groups : others) |= group;
    }
    run.groups &= ~others;
    if (all_characters_lead(from, run.next)) {
      run.groups |= std::uint64_t{1} << TokenTrie::kCharacters;
    }
  }
  return runs_[from] = run;
}

// The Unicode Standard, table 3-7.
bool LazyAutomaton::all_characters_lead(Id from, Id to) {
  const auto lead = [&](unsigned first, unsigned last, unsigned low, unsigned high, int n_more) {
    for (unsigned b = first; b <= last; ++b) {
      const Id inside = next(from, static_cast<std::uint8_t>(b));
      const bool known = b > first && inside == next(from, static_cast<std::uint8_t>(b - 1));
      if (known) continue;
      if (!all_bytes_lead(inside, static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high),
                          n_more, to)) {
        return false;
      }
    }
    return true;
  };
  return lead(0xC2, 0xDF, 0x80, 0xBF, 0) && lead(0xE0, 0xE0, 0xA0, 0xBF, 1) &&
         lead(0xE1, 0xEC, 0x80, 0xBF, 1) && lead(0xED, 0xED, 0x80, 0x9F, 1) &&
         lead(0xEE, 0xEF, 0x80, 0xBF, 1) && lead(0xF0, 0xF0, 0x90, 0xBF, 2) &&
         lead(0xF1, 0xF3, 0x80, 0xBF, 2) && lead(0xF4, 0xF4, 0x80, 0x8F, 2);
}

// Any byte of the range, then `n_more` continuation bytes.
bool LazyAutomaton::all_bytes_lead(Id from, std::uint8_t low, std::uint8_t high, int n_more,
                                   Id to) {
  if (from == kDead || facts_[from].ended || facts_[from].depth > facts_[to].depth) return false;
  Id before = kDead;
  for (unsigned b = low; b <= high; ++b) {
    const Id at = next(from, static_cast<std::uint8_t>(b));
    if (at == before) continue;
    if (n_more == 0 ? at != to : !all_bytes_lead(at, 0x80, 0xBF, n_more - 1, to)) return false;
    before = at;
  }
  return before != kDead;
}

std::uint64_t LazyAutomaton::safe_groups(Id from, std::uint32_t height) {
  std::uint64_t groups = ~std::uint64_t{0};
  for (; height > 0 && groups != 0; --height) {
    const Run run = run_of(from);
    groups &= run.groups;
    if (run.next == from) break;
    from = run.next;
  }
  return groups;
}

void LazyAutomaton::compact(std::span<Id> keep) {
  std::vector<Configuration> kept;
  for (const Id id : keep) kept.push_back(configurations_[id]);
  clear();
  for (std::size_t i = 0; i < keep.size(); ++i) {
    kept[i].visited = 0;
    keep[i] = intern(std::move(kept[i]));
  }
}

}  // namespace wattle::engine::grammar
