#pragma once
// Output that follows a grammar: at every step only those tokens are allowed whose text the grammar
// can read on. Grammars come from GBNF text, from a JSON schema, or are JSON itself.
// docs/constrained-output.md says what is covered, what is refused and what it costs.
//
//   WATTLE_TRY(auto grammar, Grammar::parse_gbnf("root ::= \"yes\" | \"no\""));
//   TokenGrammar tokens(grammar, tokenizer);
//   GrammarState state(grammar);
//   WATTLE_CHECK(tokens.mask(state, allowed));    // choose one of them …
//   tokens.accept(state, token);

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "engine/grammar/token_mask.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::engine {

namespace grammar {
class Automaton;
struct Configuration;
class RuleSet;
class SharedMasks;
}  // namespace grammar

// Immutable to its users and safe to share between threads. Every text that it accepts is valid
// UTF-8, and everything that follows it so far can be completed.
class Grammar {
 public:
  // The notation of llama.cpp's grammars; the rule `root` is the whole. `source` names the text in
  // errors, which give line and column (in characters, from 1). Errors: syntax, undefined rules,
  // left recursion, rules that can never end, more than 1 MiB of text, or too many rules, elements
  // or states (grammar/automaton.hpp).
  static Result<std::shared_ptr<const Grammar>> parse_gbnf(std::string_view text,
                                                           const std::string& source = "grammar");
  // JSON with white space within reason: at most one space or one line break with up to 32 blanks
  // between two tokens; numbers of at most 15 digits before and 15 behind the point.
  enum class JsonRoot { object, value };
  static std::shared_ptr<const Grammar> json(JsonRoot root = JsonRoot::object);
  // JSON that is valid under the schema (draft 2020-12). What cannot be enforced is an error that
  // names the place by a JSON pointer.
  static Result<std::shared_ptr<const Grammar>> from_json_schema(const Json& schema);

  // Compiles rules; for the parsers.
  static Result<std::shared_ptr<const Grammar>> from_rules(const grammar::RuleSet& rules,
                                                           std::uint32_t root);
  explicit Grammar(std::shared_ptr<const grammar::Automaton> automaton);
  ~Grammar();
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  [[nodiscard]] const grammar::Automaton& automaton() const { return *automaton_; }
  // Masks already worked out for a vocabulary; those of the last few vocabularies are kept.
  [[nodiscard]] std::shared_ptr<grammar::SharedMasks> masks(
      const std::shared_ptr<const TokenTrie>& trie) const;

 private:
  std::shared_ptr<const grammar::Automaton> automaton_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<grammar::SharedMasks>> masks_;
};

// How far a text has got in a grammar. A value: copying costs two pointers, so that a sequence can
// fork, and go back by keeping a copy.
class GrammarState {
 public:
  explicit GrammarState(std::shared_ptr<const Grammar> grammar);

  // Reads bytes; a character may be split over several calls. False, and nothing is changed, if no
  // text of the grammar goes on like this (or a limit is met: more than 512 nested rules, more than
  // 256 ways to read the same text).
  bool accept(std::string_view bytes);
  // The text so far is complete.
  [[nodiscard]] bool can_end() const;
  // It is complete, and nothing may follow.
  [[nodiscard]] bool must_end() const;
  [[nodiscard]] const std::shared_ptr<const Grammar>& grammar() const { return grammar_; }
  [[nodiscard]] const grammar::Configuration& configuration() const { return *now_; }

 private:
  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const grammar::Configuration> now_;
};

// A grammar over the tokens of a vocabulary. Safe to share between threads; the states passed in
// must come from the same grammar. Tokens that end a generation are allowed exactly where the
// grammar can end; control and unknown tokens never.
class TokenGrammar {
 public:
  TokenGrammar(std::shared_ptr<const Grammar> grammar, const Tokenizer& tokenizer);

  // Microseconds: the way to check a token that was already chosen.
  [[nodiscard]] bool allows(const GrammarState& state, TokenId token) const;
  // False, and the state is unchanged, if the token is not allowed. A token that ends the
  // generation leaves it unchanged too.
  bool accept(GrammarState& state, TokenId token) const;
  // All allowed tokens; `allowed` is resized to the vocabulary. Where the limits of GrammarState
  // are near, accept() may still refuse one. Error: it would take too long (a grammar that can be
  // read in very many ways).
  Status mask(const GrammarState& state, TokenMask& allowed) const;
  [[nodiscard]] const std::shared_ptr<const Grammar>& grammar() const { return grammar_; }
  // Whether the vocabulary has a token that ends a generation.
  [[nodiscard]] bool has_end_token() const;

 private:
  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TokenTrie> trie_;
  std::shared_ptr<grammar::SharedMasks> masks_;
};

}  // namespace wattle::engine
