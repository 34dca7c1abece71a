// The allowed tokens of a state are exactly those that can be accepted one by one.
#include <gtest/gtest.h>

#include <thread>

#include "base/test_effort.hpp"
#include "engine/grammar/mask_cache.hpp"
#include "engine/grammar/shared_masks.hpp"
#include "engine/grammar/test_grammars.hpp"
#include "engine/text_stream.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

const char* const kSchema = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string", "maxLength": 12},
    "ok": {"type": ["boolean", "null"]},
    "kind": {"enum": ["one", "two", "tööö"]},
    "size": {"type": "number", "minimum": -2.5, "maximum": 10},
    "when": {"type": "string", "format": "date"},
    "children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 3}
  },
  "required": ["ok", "kind"],
  "additionalProperties": {"type": "integer"}
})";

const char* const kArithmetic = R"g(
root ::= line{1,5}
line ::= sum ws "=" ws sum "\n"
sum ::= product (ws [-+] ws product)*
product ::= value (ws "*" ws value)*
value ::= [0-9]+ ("." [0-9]+)? | "(" ws sum ws ")" | [a-zé日]+ | "-" value
ws ::= [ \t]*
)g";

void expect_brute_force(const TokenGrammar& tokens, const Tokenizer& tokenizer,
                        const GrammarState& state, const std::string& text) {
  TokenMask mask;
  ASSERT_TRUE(tokens.mask(state, mask));
  ASSERT_EQ(mask.n_tokens(), tokenizer.vocab_size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < tokenizer.vocab_size(); ++i) {
    const auto token = static_cast<TokenId>(i);
    GrammarState copy = state;
    const bool is_text = tokenizer.piece(token) == tokenizer.piece(token, true) &&
                         !tokenizer.piece(token).empty() && !tokenizer.is_end_of_generation(token);
    const bool expected = tokenizer.is_end_of_generation(token)
                              ? state.can_end()
                              : is_text && copy.accept(tokenizer.piece(token));
    if (mask.test(token) == expected) continue;
    if (++wrong < 5) {
      ADD_FAILURE() << "token " << token << " '" << tokenizer.piece(token) << "' after '" << text
                    << "': " << expected << " expected";
    }
  }
  EXPECT_EQ(wrong, 0U) << text;
}

// All states of random walks.
void check_walks(const std::shared_ptr<const Grammar>& grammar, const Tokenizer& tokenizer,
                 int n_states, unsigned seed) {
  const TokenGrammar tokens(grammar, tokenizer);
  std::mt19937 random(seed);
  TokenMask mask;
  for (int n = 0; n < n_states;) {
    GrammarState state(grammar);
    std::string text;
    for (int step = 0; step < 40 && n < n_states; ++step, ++n) {
      expect_brute_force(tokens, tokenizer, state, text);
      ASSERT_TRUE(tokens.mask(state, mask));
      std::vector<TokenId> choices;
      mask.each([&](TokenId token) { choices.push_back(token); });
      ASSERT_FALSE(choices.empty()) << text;
      // Short tokens lead to more different states.
      TokenId token = choices[random() % choices.size()];
      for (int i = 0; i < 3; ++i) {
        const TokenId other = choices[random() % choices.size()];
        if (tokenizer.piece(other).size() < tokenizer.piece(token).size()) token = other;
      }
      if (tokenizer.is_end_of_generation(token)) break;
      ASSERT_TRUE(tokens.accept(state, token));
      text += tokenizer.piece(token);
    }
  }
}

std::vector<std::shared_ptr<const Grammar>> grammars() {
  return {Grammar::json(Grammar::JsonRoot::value), schema_grammar(kSchema), gbnf(kArithmetic),
          gbnf("root ::= (\"a\" | \"ab\" | \"b\" root \"}\")* [^x]{0,7} \"日本\"?"),
          gbnf("root ::= x{0,300}\nx ::= [a-z] | \"\\u00e9\" y\ny ::= x | \"!\"")};
}

TEST(Mask, EqualsBruteForceOnASmallVocabulary) {
  const auto tokenizer = small_tokenizer();
  unsigned seed = 1;
  for (const auto& grammar : grammars()) check_walks(grammar, *tokenizer, rounds(400), ++seed);
}

TEST(Mask, EqualsBruteForceOnRealVocabularies) {
  for (const char* name : {"llama-spm", "gpt-2", "deepseek-llm"}) {
    const auto tokenizer = real_tokenizer(name);
    if (!tokenizer) GTEST_SKIP() << "no vocabularies here (WATTLE_SHARED names their folder)";
    unsigned seed = 5;
    for (const auto& grammar : grammars()) check_walks(grammar, *tokenizer, rounds(12), ++seed);
    if (kSanitized) return;  // every mask is compared with every token of the vocabulary
  }
}

TEST(Mask, EqualsBruteForceWhereNestingIsLimited) {
  const auto tokenizer = small_tokenizer();
  const auto json = Grammar::json(Grammar::JsonRoot::value);
  const TokenGrammar tokens(json, *tokenizer);
  GrammarState state(json);
  std::vector<GrammarState> deep;
  while (state.accept("[")) deep.push_back(state);
  for (std::size_t i = deep.size() - 4; i < deep.size(); ++i) {
    expect_brute_force(tokens, *tokenizer, deep[i], "[[[…");
    GrammarState in_object = deep[i];
    if (in_object.accept("{\"a")) expect_brute_force(tokens, *tokenizer, in_object, "[[[…{\"a");
  }
}

TEST(Mask, ControlTokensNeverAndEndTokensOnlyAtTheEnd) {
  const auto tokenizer = small_tokenizer();
  const auto grammar = gbnf("root ::= .*");
  const TokenGrammar tokens(grammar, *tokenizer);
  TokenMask mask;
  GrammarState state(grammar);
  ASSERT_TRUE(tokens.mask(state, mask));
  EXPECT_FALSE(mask.test(0)) << "<unk>";
  EXPECT_FALSE(mask.test(1)) << "<s>";
  EXPECT_TRUE(mask.test(2)) << "</s>";
  const auto special =
      tokenizer->encode("<|end|><keep>", {.add_special = false, .parse_special = true});
  ASSERT_EQ(special.size(), 2U);
  EXPECT_FALSE(mask.test(special[0]) && !tokenizer->is_end_of_generation(special[0]));
  EXPECT_TRUE(mask.test(special[1])) << "user-defined tokens are text";
  EXPECT_EQ(tokens.allows(state, 1), false);
  EXPECT_EQ(tokens.allows(state, 2), true);
  EXPECT_EQ(tokens.allows(state, -1), false);
  EXPECT_EQ(tokens.allows(state, 100'000), false);
  ASSERT_TRUE(state.accept("\xC3"));
  ASSERT_TRUE(tokens.mask(state, mask));
  EXPECT_FALSE(mask.test(2)) << "inside a character";
  EXPECT_TRUE(mask.test(3 + 0xA9));
  EXPECT_EQ(mask.count(), 64U) << "continuation bytes";
}

TEST(Mask, TokensWithTheSameTextAreTreatedAlike) {
  const auto tokenizer = small_tokenizer();
  const auto grammar = gbnf("root ::= \"a\"");
  const TokenGrammar tokens(grammar, *tokenizer);
  TokenMask mask;
  ASSERT_TRUE(tokens.mask(GrammarState(grammar), mask));
  EXPECT_EQ(mask.count(), 2U) << "the byte and the piece";
}

TEST(Mask, CacheIsBoundedAndForgettingChangesNothing) {
  const auto tokenizer = small_tokenizer();
  const auto grammar = gbnf("root ::= [^x]{0,2000} \"x\" [^y]{0,2000}");
  constexpr std::size_t kMaxBytes = 50'000;
  grammar::MaskCache masks(
      std::shared_ptr<const grammar::Automaton>(grammar, &grammar->automaton()), tokenizer->trie(),
      kMaxBytes);
  GrammarState state(grammar);
  TokenMask first(tokenizer->vocab_size());
  TokenMask mask(tokenizer->vocab_size());
  ASSERT_TRUE(masks.mask(state.configuration(), first));
  std::size_t n_kept = 0;
  bool forgot = false;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(state.accept("a"));
    ASSERT_TRUE(masks.mask(state.configuration(), mask));
    const auto counts = masks.counts();
    EXPECT_LT(counts.bytes, 2 * kMaxBytes);
    forgot |= counts.n_walks < n_kept;
    n_kept = counts.n_walks;
  }
  EXPECT_TRUE(forgot);
  ASSERT_TRUE(masks.mask(GrammarState(grammar).configuration(), mask));
  EXPECT_EQ(mask, first);
}

TEST(Mask, KnownStatesAreNotWalkedAgain) {
  const auto tokenizer = small_tokenizer();
  const auto json = Grammar::json();
  grammar::SharedMasks masks(std::shared_ptr<const grammar::Automaton>(json, &json->automaton()),
                             tokenizer->trie());
  TokenMask mask(tokenizer->vocab_size());
  const auto walked_after = [&](const std::string& text) {
    GrammarState state(json);
    EXPECT_TRUE(state.accept(text));
    EXPECT_TRUE(masks.mask(state.configuration(), mask));
    return masks.counts().walked;
  };
  const auto once = walked_after(R"({"a": [{"b": "x)");
  EXPECT_EQ(walked_after(R"({"a": [{"b": "y)"), once);
  const auto deeper = walked_after(R"({"a": [[[[[{"b": "x)");
  EXPECT_LE(deeper, once + 8) << "only what tokens reach down to matters";
  EXPECT_EQ(walked_after(R"({"a": [[[[[[[[[[{"b": "x)"), deeper);
}

TEST(Mask, ThreadsShareACache) {
  const auto tokenizer = small_tokenizer();
  const auto grammar = schema_grammar(kSchema);
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(7);
      texts[t] = random_text(TokenGrammar(grammar, *tokenizer), *tokenizer, random);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& text : texts) EXPECT_EQ(text, texts[0]);
}

TEST(Mask, TooMuchWorkIsAnError) {
  const auto tokenizer = real_tokenizer("deepseek-llm");
  if (!tokenizer) GTEST_SKIP() << "no vocabularies here (WATTLE_SHARED names their folder)";
  // Two hundred ways to read every letter, all different.
  std::string text = "root ::= r0";
  for (int i = 1; i < 200; ++i) text += fmt::format(" | r{}", i);
  for (int i = 0; i < 200; ++i) {
    text += fmt::format("\nr{} ::= [a-zA-Z ]{{{}}} (r{} | \"{}\")", i, i % 19 + 1,
                        (i * 7 + 3) % 200, i);
  }
  const auto grammar = gbnf(text);
  const TokenGrammar tokens(grammar, *tokenizer);
  GrammarState state(grammar);
  TokenMask mask;
  const auto result = tokens.mask(state, mask);
  EXPECT_TRUE(result || result.error().message().find("too many ways") != std::string::npos);
}

TEST(TokenTrie, IsASortedTreeOfTheTexts) {
  const auto tokenizer = small_tokenizer();
  const auto trie = tokenizer->trie();
  EXPECT_EQ(trie, tokenizer->trie()) << "made once";
  const auto nodes = trie->nodes();
  EXPECT_EQ(nodes[0].end, nodes.size());
  std::size_t n_tokens = 0;
  std::string path;
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    if (i > 0) {
      path.resize(nodes[i].depth - 1);
      path += static_cast<char>(nodes[i].byte);
    }
    for (const TokenId token : trie->tokens_at(i)) {
      EXPECT_EQ(trie->text(token), path);
      EXPECT_EQ(tokenizer->piece(token), path);
      ++n_tokens;
    }
    std::uint64_t groups = 0;
    std::uint32_t height = 0;
    // Whatever is below is made of whole characters, but for the last one of a token.
    bool well_formed = utf8_valid_prefix(path) == path.size();
    std::string below = path;
    for (std::uint32_t j = i + 1; j < nodes[i].end; ++j) {
      below.resize(nodes[j].depth - 1);
      below += static_cast<char>(nodes[j].byte);
      const std::string_view rest = std::string_view(below).substr(utf8_valid_prefix(below));
      well_formed = well_formed && (rest.empty() || utf8_character(rest) == 0);
      if (nodes[j].byte < 0x80 && rest.empty()) {
        groups |= std::uint64_t{1} << TokenTrie::byte_group(nodes[j].byte);
      }
      height = std::max(height, nodes[j].depth - nodes[i].depth);
    }
    constexpr std::uint64_t kAscii = (std::uint64_t{1} << TokenTrie::kCharacters) - 1;
    EXPECT_EQ(nodes[i].bytes & kAscii, groups);
    EXPECT_EQ((nodes[i].bytes >> TokenTrie::kOtherBytes) == 0, well_formed) << path;
    EXPECT_EQ(nodes[i].height, height);
    EXPECT_EQ(trie->tokens_under(i).front(), trie->tokens_under(i)[0]);
  }
  std::size_t expected = 0;
  for (std::size_t t = 0; t < tokenizer->vocab_size(); ++t) {
    expected += trie->text(static_cast<TokenId>(t)).empty() ? 0 : 1;
  }
  EXPECT_EQ(n_tokens, expected);
  EXPECT_EQ(n_tokens, trie->tokens_under(0).size());
  for (unsigned b = 0; b < 128; ++b) {
    EXPECT_LT(TokenTrie::byte_group(static_cast<std::uint8_t>(b)), TokenTrie::kCharacters);
  }
}

TEST(TokenMask, ArgmaxTakesTheLowestOfTheBestAndAnyNumberBeforeNone) {
  const std::vector<float> logits = {3.0F, NAN, 1.0F, 2.0F, 2.0F, -INFINITY};
  TokenMask mask(70);
  EXPECT_EQ(mask.argmax(logits), std::nullopt);
  mask.set(69);
  EXPECT_EQ(mask.argmax(logits), std::nullopt) << "no logit";
  mask.set(1);
  EXPECT_EQ(mask.argmax(logits), 1);
  mask.set(5);
  EXPECT_EQ(mask.argmax(logits), 5);
  mask.set(4);
  mask.set(3);
  EXPECT_EQ(mask.argmax(logits), 3);
  EXPECT_EQ(mask.count(), 5U);
}

}  // namespace
}  // namespace wattle::engine
