#include "engine/grammar.hpp"

#include <algorithm>

#include "engine/grammar/automaton.hpp"
#include "engine/grammar/configuration.hpp"
#include "engine/grammar/shared_masks.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kKeptVocabularies = 3;

}  // namespace

Grammar::Grammar(std::shared_ptr<const grammar::Automaton> automaton)
    : automaton_(std::move(automaton)) {}

Grammar::~Grammar() = default;

Result<std::shared_ptr<const Grammar>> Grammar::from_rules(const grammar::RuleSet& rules,
                                                           std::uint32_t root) {
  WATTLE_TRY(auto automaton, grammar::compile(rules, root));
  if (grammar::arrive(*automaton, automaton->start(), nullptr).overflow) {
    return fail(ErrorCode::resource_exhausted,
                "the grammar is too large: more than 256 rules may begin its text",
                "Write their beginnings into fewer rules.");
  }
  return std::make_shared<const Grammar>(std::move(automaton));
}

std::shared_ptr<grammar::SharedMasks> Grammar::masks(
    const std::shared_ptr<const TokenTrie>& trie) const {
  const std::scoped_lock lock(mutex_);
  const auto found =
      std::ranges::find_if(masks_, [&](const auto& masks) { return masks->trie() == trie; });
  if (found != masks_.end()) return *found;
  if (masks_.size() == kKeptVocabularies) masks_.erase(masks_.begin());
  masks_.push_back(std::make_shared<grammar::SharedMasks>(automaton_, trie));
  return masks_.back();
}

GrammarState::GrammarState(std::shared_ptr<const Grammar> grammar)
    : grammar_(std::move(grammar)),
      now_(std::make_shared<const grammar::Configuration>(
          grammar::arrive(grammar_->automaton(), grammar_->automaton().start(), nullptr))) {}

bool GrammarState::accept(std::string_view bytes) {
  if (bytes.empty()) return true;
  grammar::Configuration now = *now_;
  for (const char byte : bytes) {
    now = grammar::advance(grammar_->automaton(), now, static_cast<std::uint8_t>(byte));
    if (now.dead()) return false;
  }
  now_ = std::make_shared<const grammar::Configuration>(std::move(now));
  return true;
}

bool GrammarState::can_end() const {
  return now_->ended;
}

bool GrammarState::must_end() const {
  return now_->ended && now_->heads.empty();
}

TokenGrammar::TokenGrammar(std::shared_ptr<const Grammar> grammar, const Tokenizer& tokenizer)
    : grammar_(std::move(grammar)), trie_(tokenizer.trie()), masks_(grammar_->masks(trie_)) {}

bool TokenGrammar::allows(const GrammarState& state, TokenId token) const {
  GrammarState copy = state;
  return accept(copy, token);
}

bool TokenGrammar::accept(GrammarState& state, TokenId token) const {
  if (std::ranges::binary_search(trie_->end_tokens(), token)) return state.can_end();
  const std::string_view text = trie_->text(token);
  return !text.empty() && state.accept(text);
}

Status TokenGrammar::mask(const GrammarState& state, TokenMask& allowed) const {
  if (allowed.n_tokens() != trie_->n_tokens()) allowed = TokenMask(trie_->n_tokens());
  WATTLE_CHECK(masks_->mask(state.configuration(), allowed));
  if (state.can_end()) {
    for (const TokenId token : trie_->end_tokens()) allowed.set(token);
  }
  return {};
}

bool TokenGrammar::has_end_token() const {
  return !trie_->end_tokens().empty();
}

std::shared_ptr<const TokenTrie> Tokenizer::trie() const {
  std::call_once(trie_once_, [this] { trie_ = std::make_shared<const TokenTrie>(*this); });
  return trie_;
}

}  // namespace wattle::engine
