// Random grammars against a matcher that tries everything.
#include <gtest/gtest.h>

#include <set>

#include "base/test_effort.hpp"
#include "engine/grammar/test_grammars.hpp"

namespace wattle::engine {
namespace {

// An expression over a and b, as text and as a tree.
struct Node {
  enum Kind { text, any, rule, sequence, choice, repeat } kind = text;
  std::string characters;
  std::size_t target = 0;
  int min = 0;
  int max = 0;  // −1: without limit
  std::vector<Node> parts;
};

using Rules = std::vector<Node>;

std::string written(const Node& node) {
  std::string out;
  switch (node.kind) {
    case Node::text:
      return "\"" + node.characters + "\"";
    case Node::any:
      return "[ab]";
    case Node::rule:
      return node.target == 0 ? "root" : fmt::format("r{}", node.target);
    case Node::sequence:
      for (const Node& part : node.parts) out += written(part) + " ";
      return "(" + out + ")";
    case Node::choice:
      for (const Node& part : node.parts) out += (out.empty() ? "" : " | ") + written(part);
      return "(" + out + ")";
    case Node::repeat:
      return written(node.parts[0]) + (node.max < 0 ? fmt::format("{{{},}}", node.min)
                                                    : fmt::format("{{{},{}}}", node.min, node.max));
  }
  return out;
}

Node random_node(std::mt19937& random, std::size_t n_rules, int depth) {
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  constexpr const char* kTexts[] = {"a", "b", "ab", "", "ba", "a"};
  Node node;
  switch (depth > 0 ? below(7) : below(3)) {
    case 0:
      node.characters = kTexts[below(6)];
      break;
    case 1:
      node.kind = Node::any;
      break;
    case 2:
      node.kind = Node::rule;
      node.target = below(static_cast<unsigned>(n_rules));
      break;
    case 3:
    case 4:
      node.kind = Node::sequence;
      break;
    case 5:
      node.kind = Node::choice;
      break;
    default:
      node.kind = Node::repeat;
      node.min = static_cast<int>(below(3));
      node.max = below(2) == 0 ? -1 : node.min + static_cast<int>(below(3));
  }
  const unsigned n_parts = node.kind < Node::sequence  ? 0
                           : node.kind == Node::repeat ? 1
                                                       : 1 + below(3);
  for (unsigned i = 0; i < n_parts; ++i) {
    node.parts.push_back(random_node(random, n_rules, depth - 1));
  }
  return node;
}

// All places where a match that begins at `begin` may end.
std::set<std::size_t> ends(const Rules& rules, const Node& node, const std::string& text,
                           std::size_t begin) {
  switch (node.kind) {
    case Node::text:
      if (text.substr(begin).starts_with(node.characters)) {
        return {begin + node.characters.size()};
      }
      return {};
    case Node::any:
      return begin < text.size() ? std::set{begin + 1} : std::set<std::size_t>{};
    case Node::rule:
      return ends(rules, rules[node.target], text, begin);
    case Node::choice: {
      std::set<std::size_t> all;
      for (const Node& part : node.parts) all.merge(ends(rules, part, text, begin));
      return all;
    }
    case Node::sequence: {
      std::set<std::size_t> now = {begin};
      for (const Node& part : node.parts) {
        std::set<std::size_t> next;
        for (const std::size_t place : now) next.merge(ends(rules, part, text, place));
        now = next;
      }
      return now;
    }
    case Node::repeat: {
      std::set<std::size_t> all;
      std::set<std::size_t> now = {begin};
      // Without a limit, more rounds than characters reach nothing new.
      const int rounds = node.max < 0 ? node.min + static_cast<int>(text.size()) + 1 : node.max;
      for (int round = 0; !now.empty(); ++round) {
        if (round >= node.min) all.insert(now.begin(), now.end());
        if (round == rounds) break;
        std::set<std::size_t> next;
        for (const std::size_t place : now) next.merge(ends(rules, node.parts[0], text, place));
        now = next;
      }
      return all;
    }
  }
  return {};
}

TEST(RandomGrammars, AgreeWithAMatcherThatTriesEverything) {
  std::mt19937 random(41);
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; texts[i].size() < 6; ++i) {
    texts.push_back(texts[i] + "a");
    texts.push_back(texts[i] + "b");
  }
  std::size_t n_grammars = 0;
  std::size_t n_matches = 0;
  for (int round = 0; round < rounds(600); ++round) {
    Rules rules;
    const std::size_t n_rules = 1 + random() % 4;
    std::string source;
    for (std::size_t r = 0; r < n_rules; ++r) {
      rules.push_back(random_node(random, n_rules, 3));
      source += (r == 0 ? "root" : fmt::format("r{}", r)) + " ::= " + written(rules[r]) + "\n";
    }
    const auto grammar = Grammar::parse_gbnf(source);
    if (!grammar) {
      const std::string message = grammar.error().message();
      EXPECT_TRUE(message.contains("left recursion") || message.contains("never end"))
          << source << message;
      continue;
    }
    ++n_grammars;
    for (const std::string& text : texts) {
      const bool expected = ends(rules, rules[0], text, 0).contains(text.size());
      ASSERT_EQ(matches(*grammar, text), expected) << source << "\"" << text << "\"";
      n_matches += expected ? 1 : 0;
      GrammarState state(*grammar);
      EXPECT_TRUE(!expected || state.accept(text));
    }
  }
  EXPECT_GT(n_grammars, static_cast<std::size_t>(rounds(200)));
  EXPECT_GT(n_matches, static_cast<std::size_t>(rounds(2000)));
}

}  // namespace
}  // namespace wattle::engine
