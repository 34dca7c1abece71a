#pragma once
// For tests: reading texts with a grammar, vocabularies to write them with, and random texts.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "base/test_shared.hpp"
#include "engine/grammar.hpp"
#include "engine/grammar/test_tokenizer.hpp"
#include "engine/grammar/token_trie.hpp"

namespace wattle::engine {

inline std::shared_ptr<const Grammar> gbnf(std::string_view text) {
  auto grammar = Grammar::parse_gbnf(text);
  EXPECT_TRUE(grammar) << text << "\n" << (grammar ? "" : grammar.error().message());
  return grammar ? *grammar : Grammar::json();
}

inline std::shared_ptr<const Grammar> schema_grammar(const std::string& text) {
  auto grammar = Grammar::from_json_schema(parse_json(text, "schema").value());
  EXPECT_TRUE(grammar) << text << "\n" << (grammar ? "" : grammar.error().message());
  return grammar ? *grammar : Grammar::json();
}

// The whole text, byte by byte.
inline bool matches(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  GrammarState state(grammar);
  for (const char byte : text) {
    if (!state.accept({&byte, 1})) return false;
  }
  return state.can_end();
}

inline bool begins(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  GrammarState state(grammar);
  return state.accept(text);
}

// A real vocabulary, or none where the reference data is not there (WATTLE_SHARED).
inline std::shared_ptr<const Tokenizer> real_tokenizer(const std::string& name) {
  const auto path = shared_data() / "vocab" / ("ggml-vocab-" + name + ".gguf");
  if (!std::filesystem::exists(path)) return nullptr;
  return Tokenizer::from_gguf(GgufFile::open(path).value()).value();
}

// Random allowed tokens until the end. Where it can, it often takes one that leads there: texts
// would be very long otherwise. Empty if it does not end.
inline std::string random_text(const TokenGrammar& tokens, const Tokenizer& tokenizer,
                               std::mt19937& random, std::size_t max_tokens = 4000) {
  GrammarState state(tokens.grammar());
  TokenMask allowed;
  std::string text;
  for (std::size_t n = 0; n < max_tokens; ++n) {
    const Status status = tokens.mask(state, allowed);
    EXPECT_TRUE(status) << status.error().message();
    std::vector<TokenId> choices;
    std::vector<TokenId> closing;
    allowed.each([&](TokenId token) {
      choices.push_back(token);
      const std::string piece = tokenizer.piece(token);
      const bool closes = piece.find_first_not_of("\"}],:") == std::string::npos;
      if (closes || tokenizer.is_end_of_generation(token)) closing.push_back(token);
    });
    if (choices.empty()) {
      ADD_FAILURE() << "nothing is allowed after " << text;
      return {};
    }
    const bool close = !closing.empty() && random() % 4 == 0;
    const auto& from = close ? closing : choices;
    const TokenId token = from[random() % from.size()];
    EXPECT_TRUE(tokens.accept(state, token)) << text << " then " << token;
    if (tokenizer.is_end_of_generation(token)) {
      EXPECT_TRUE(state.can_end());
      return text;
    }
    text += tokenizer.piece(token);
  }
  return {};
}

}  // namespace wattle::engine
