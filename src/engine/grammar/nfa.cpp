#include "engine/grammar/nfa.hpp"

#include <algorithm>
#include <map>

namespace wattle::engine::grammar {
namespace {

class NfaBuilder {
 public:
  NfaBuilder(const RuleSet& rules, const std::vector<bool>& nullable, std::uint32_t max_states)
      : rules_(rules), nullable_(nullable), max_states_(max_states) {}

  Nfa build(RuleId rule) {
    add(rules_.rule(rule).body, Nfa::kStart, Nfa::kAccept);
    nfa_.bytes.index(nfa_.n_states);
    nfa_.calls.index(nfa_.n_states);
    nfa_.empties.index(nfa_.n_states);
    return std::move(nfa_);
  }

 private:
  std::uint32_t new_state() { return nfa_.n_states++; }
  void skip(std::uint32_t from, std::uint32_t to) { nfa_.empties.add({from, to}); }

  // Paths of the expression between two states. No edge enters `from` or leaves `to` but through
  // states made here, so that paths of neighbours do not mix.
  void add(ExpressionId id, std::uint32_t from, std::uint32_t to) {
    if (nfa_.n_states > max_states_) return;
    const Expression& e = rules_.expression(id);
    switch (e.kind) {
      case Expression::Kind::literal:
        return add_literal(e.text, from, to);
      case Expression::Kind::characters:
        return add_characters(e.characters, from, to);
      case Expression::Kind::reference:
        nfa_.calls.add({from, to, e.rule});
        if (nullable_[e.rule]) skip(from, to);
        return;
      case Expression::Kind::sequence:
        return add_sequence(e, from, to);
      case Expression::Kind::choice:
        for (const ExpressionId part : e.parts) add(part, from, to);
        return;
      case Expression::Kind::repeat:
        return add_repeat(e, from, to);
      case Expression::Kind::list:
        return add_list(e, from, to);
    }
  }

  void add_literal(const std::string& text, std::uint32_t from, std::uint32_t to) {
    if (text.empty()) return skip(from, to);
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::uint32_t next = i + 1 == text.size() ? to : new_state();
      const auto byte = static_cast<std::uint8_t>(text[i]);
      nfa_.bytes.add({from, next, {byte, byte}});
      from = next;
    }
  }

  // Characters that end in the same bytes share their last states.
  void add_characters(const CharacterSet& set, std::uint32_t from, std::uint32_t to) {
    std::map<ByteSequence, std::uint32_t> before;  // what is still to be read → the state
    before[{}] = to;
    for (const ByteSequence& sequence : utf8_sequences(set)) {
      ByteSequence rest;
      std::uint32_t next = to;
      for (std::size_t i = sequence.size() - 1; i > 0; --i) {
        rest.insert(rest.begin(), sequence[i]);
        const auto [found, is_new] = before.try_emplace(rest, 0);
        if (is_new) {
          found->second = new_state();
          nfa_.bytes.add({found->second, next, sequence[i]});
        }
        next = found->second;
      }
      nfa_.bytes.add({from, next, sequence.front()});
    }
  }

  void add_sequence(const Expression& e, std::uint32_t from, std::uint32_t to) {
    if (e.parts.empty()) return skip(from, to);
    for (std::size_t i = 0; i < e.parts.size(); ++i) {
      const std::uint32_t next = i + 1 == e.parts.size() ? to : new_state();
      add(e.parts[i], from, next);
      from = next;
    }
  }

  void add_repeat(const Expression& e, std::uint32_t from, std::uint32_t to) {
    const ExpressionId body = e.parts[0];
    const auto step = [&] {
      const std::uint32_t next = new_state();
      add(body, from, next);
      from = next;
    };
    for (std::uint32_t i = 0; i < e.min && nfa_.n_states <= max_states_; ++i) step();
    if (e.max == kUnbounded) {
      const std::uint32_t loop = new_state();
      skip(from, loop);
      add(body, loop, loop);
      skip(loop, to);
      return;
    }
    for (std::uint32_t i = e.min; i < e.max && nfa_.n_states <= max_states_; ++i) {
      skip(from, to);
      step();
    }
    skip(from, to);
  }

  // Two rows of states before each item: nothing was there yet, or a separator was just read.
  void add_list(const Expression& e, std::uint32_t from, std::uint32_t to) {
    const ExpressionId separator = e.parts[0];
    std::uint32_t none = from;
    std::uint32_t separated = new_state();
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      const ListItem& item = e.items[i];
      const std::uint32_t after = new_state();
      const std::uint32_t next_none = new_state();
      const std::uint32_t next_separated = new_state();
      add(item.expression, none, after);
      add(item.expression, separated, after);
      if (item.optional) {
        skip(none, next_none);
        skip(separated, next_separated);
      }
      if (item.repeats) add(separator, after, separated);
      add(separator, after, next_separated);
      if (std::ranges::all_of(e.items.begin() + static_cast<std::ptrdiff_t>(i) + 1, e.items.end(),
                              &ListItem::optional)) {
        skip(after, to);
      }
      none = next_none;
      separated = next_separated;
    }
    skip(none, to);
  }

  const RuleSet& rules_;
  const std::vector<bool>& nullable_;
  std::uint32_t max_states_;
  Nfa nfa_;
};

}  // namespace

Nfa build_nfa(const RuleSet& rules, RuleId rule, const std::vector<bool>& nullable,
              std::uint32_t max_states) {
  return NfaBuilder(rules, nullable, max_states).build(rule);
}

}  // namespace wattle::engine::grammar
