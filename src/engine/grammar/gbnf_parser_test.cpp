// The GBNF notation: what is understood and what is refused, with its place.
#include <gtest/gtest.h>

#include "engine/grammar/test_grammars.hpp"

namespace wattle::engine {
namespace {

struct Case {
  const char* grammar;
  std::vector<std::string> accepted;
  std::vector<std::string> refused;
};

TEST(Gbnf, ReadsTheNotation) {
  const std::vector<Case> cases = {
      {R"(root ::= "yes" | "no")", {"yes", "no"}, {"", "y", "yesno", "maybe"}},
      {R"(root ::= "a\n\t\r\\\"\x41\u00e9\U0001F600")",
       {"a\n\t\r\\\"A\xC3\xA9\xF0\x9F\x98\x80"},
       {"a"}},
      {R"(root ::= [a-cx] [^a-z\n] [\]\-\\^])",
       {"aA]", "x1\\", "c -", "b\xE6\x97\xA5^"},
       {"dA]", "aa]", "a\n]", "aAx"}},
      {R"(root ::= [a-] [-z] [^-])", {"a-x", "-zy"}, {"b-x", "a--"}},
      {R"(root ::= "a" . "b")",
       {"axb", "a\nb",
        "a\xF0\x9F\x98\x80"
        "b"},
       {"ab", "axxb",
        "a\xC3"
        "b",
        "a\xED\xA0\x80"
        "b"}},
      {R"(root ::= "a"* "b"+ "c"?)", {"b", "aabbc", "bc"}, {"", "a", "ac", "bcc"}},
      {R"(root ::= [0-9]{2} "a"{1,3} "b"{2,} "c"{0} "d"{0,1})",
       {"12abb", "99aaabbbbd"},
       {"1abb", "12bb", "12aaaabb", "12ab", "12abbc", "12abbdd"}},
      {R"(root ::= "a"{ 2 , 3 })", {"aa", "aaa"}, {"a", "aaaa"}},
      {R"(root ::= ("a" | "b" "c")+ ("x" ("y")?)*)",
       {"a", "bc", "abca", "axxy"},
       {"b", "ab", "axyy"}},
      {"root ::= a\n  # a comment\na ::= \"x\" # another\n", {"x"}, {""}},
      {"# first\r\nroot ::= one |\r\n  two\r\none ::= \"1\"\r\ntwo ::=\r\n  \"2\"",
       {"1", "2"},
       {"12"}},
      {"root ::= \"a\"\n  | \"b\"\n\n  | \"c\"\nother ::= \"d\"", {"a", "b", "c"}, {"d"}},
      {"root ::= (\n \"a\"\n \"b\" # in a group\n | \"c\"\n)", {"ab", "c"}, {"a"}},
      {"root ::= | \"a\" root", {"", "a", "aaa"}, {"b"}},
      {"root ::= \"\" \"a\"", {"a"}, {""}},
      {"root ::= \"(\" root \")\" | \"x\"", {"x", "((x))"}, {"", "(x", "x)", "()"}},
      {"root ::= Rule_1-b\nRule_1-b ::= \"a\"", {"a"}, {"b"}},
      {"root ::= ([a-z]*)* (\"1\"?)+", {"", "abc", "a1", "111"}, {"1a"}},
      {"root ::= \"a\"+*", {"", "aaa"}, {"b"}},
      {"root ::= [^]", {"]", "x"}, {"", "xx"}},
      {"root ::= \"a\" | a | b\na ::= \"ab\"\nb ::= \"a\" a \"c\"",
       {"a", "ab", "aabc"},
       {"aab", "abc"}},
  };
  for (const Case& c : cases) {
    const auto grammar = gbnf(c.grammar);
    for (const auto& text : c.accepted)
      EXPECT_TRUE(matches(grammar, text)) << c.grammar << "\n" << text;
    for (const auto& text : c.refused)
      EXPECT_FALSE(matches(grammar, text)) << c.grammar << "\n" << text;
  }
}

TEST(Gbnf, ErrorsNameLineColumnAndRemedy) {
  struct Wrong {
    std::string grammar;
    const char* place;
    const char* message;
  };
  const std::vector<Wrong> cases = {
      {"", "", "no rule 'root'"},
      {"start ::= \"a\"", "", "no rule 'root'"},
      {"root ::= \"a\" other", "line 1, column 14", "'other' is not defined. Add a line"},
      {"root ::= b\n\nb ::= \"é\" c a", "line 3, column 11", "'c' is not defined"},
      {"root ::= \"a", "line 1, column 10", "'\"' is not closed"},
      {"root ::= \"a\nb\"", "line 1, column 10", "'\"' is not closed"},
      {"root ::= [a-z", "line 1, column 10", "'[' is not closed"},
      {"root ::= [a-", "line 1, column 10", "'[' is not closed"},
      {"root ::= (\"a\" | (\"b\")", "line 1, column 10", "'(' is not closed"},
      {"root ::= \"a\")", "line 1, column 13", "')' was not expected"},
      {"root ::= []", "line 1, column 10", "[] matches nothing"},
      {"root ::= [z-a]", "line 1, column 11", "range ends before it begins"},
      {"root ::= \"\\q\"", "line 1, column 11", "escape is not known"},
      {"root ::= \"\\xZ1\"", "line 1, column 11", "2 hexadecimal digits"},
      {"root ::= \"\\ud800\"", "line 1, column 11", "U+D800 is no character"},
      {"root ::= \"\\U00110000\"", "line 1, column 11", "no character"},
      {"root = \"a\"", "line 1, column 6", "'::=' is expected"},
      {"::= \"a\"", "line 1, column 1", "name of a rule is expected"},
      {"root ::= \"a\"\n\"b\"", "line 2, column 1", "name of a rule is expected"},
      {"root ::= *", "line 1, column 10", "repeats nothing"},
      {"root ::= \"a\"{x}", "line 1, column 14", "a number is expected"},
      {"root ::= \"a\"{1,2", "line 1, column 17", "'}' is expected"},
      {"root ::= \"a\"{3,2}", "line 1, column 13", "never"},
      {"root ::= \"a\"{2001}", "line 1, column 14", "more than 2000"},
      {"root ::= \"a\"{99999999999999999999}", "line 1, column 14", "more than 2000"},
      {"root ::= <[1]>", "line 1, column 10", "<>"},
      {"root ::= a\na ::= \"x\"\na ::= \"y\"", "line 3, column 1", "second time"},
      {"root ::= (a\nb ::= \"x\"", "line 2, column 1", "begins inside of another"},
      {"root ::= \"\xFF\"", "line 1, column 11", "not UTF-8"},
  };
  for (const Wrong& c : cases) {
    const auto grammar = Grammar::parse_gbnf(c.grammar, "my.gbnf");
    ASSERT_FALSE(grammar) << c.grammar;
    const std::string message = grammar.error().message();
    EXPECT_NE(message.find("my.gbnf"), std::string::npos) << c.grammar << "\n" << message;
    EXPECT_NE(message.find(c.place), std::string::npos) << c.grammar << "\n" << message;
    EXPECT_NE(message.find(c.message), std::string::npos) << c.grammar << "\n" << message;
    EXPECT_FALSE(grammar.error().remedy.empty()) << c.grammar;
  }
}

TEST(Gbnf, RefusesLeftRecursionAndRulesWithoutEnd) {
  const auto message_of = [](const char* text) {
    const auto grammar = Grammar::parse_gbnf(text);
    EXPECT_FALSE(grammar) << text;
    return grammar ? std::string() : grammar.error().message();
  };
  const std::string direct = message_of("root ::= root \"a\" | \"a\"");
  EXPECT_NE(direct.find("left recursion"), std::string::npos) << direct;
  EXPECT_NE(direct.find("root → root"), std::string::npos) << direct;
  const std::string indirect =
      message_of("root ::= \"x\" a\na ::= b \"1\"\nb ::= [0-9]* a | \"c\"");
  EXPECT_NE(indirect.find("line 2"), std::string::npos) << indirect;
  EXPECT_NE(indirect.find("a → b → a"), std::string::npos) << indirect;
  EXPECT_NE(message_of("root ::= e root \"a\" | \"b\"\ne ::= \"x\"?").find("left recursion"),
            std::string::npos);
  EXPECT_NE(message_of("root ::= root").find("can never end"), std::string::npos);
  const std::string endless = message_of("root ::= a\na ::= \"x\" b\nb ::= \"y\" a");
  EXPECT_NE(endless.find("can never end"), std::string::npos) << endless;
  const std::string surrogates = "[^\\x00-\\ud7ff\\ue000-\\U0010ffff]";
  EXPECT_NE(message_of(("root ::= " + surrogates).c_str()).find("never end"), std::string::npos);
  EXPECT_TRUE(matches(gbnf("root ::= \"a\" | " + surrogates), "a")) << "left out";
}

TEST(Gbnf, RulesThatNobodyNeedsMayBeAnything) {
  EXPECT_TRUE(Grammar::parse_gbnf("root ::= \"a\"\nx ::= x \"b\""));
}

// A kilobyte must not cost seconds or gigabytes.
TEST(Gbnf, HostileSizesAreErrorsOrSmall) {
  const auto try_it = [](const std::string& text) {
    const auto grammar = Grammar::parse_gbnf(text);
    return grammar ? std::string("ok") : grammar.error().message();
  };
  EXPECT_NE(try_it("root ::= " + std::string(300, '(') + "\"a\"" + std::string(300, ')'))
                .find("more than 100 groups"),
            std::string::npos);
  EXPECT_NE(try_it(std::string(2'000'000, '#')).find("bytes"), std::string::npos);
  std::string nested = "\"a\"";
  for (int i = 0; i < 60; ++i) nested = "(" + nested + "){2000}";
  EXPECT_NE(try_it("root ::= " + nested).find("too large"), std::string::npos);
  std::string optional = "\"a\"";
  for (int i = 0; i < 6; ++i) optional = "(" + optional + "){0,2000}";
  EXPECT_NE(try_it("root ::= " + optional), "ok");
  std::string many = "root ::= ";
  for (int i = 0; i < 40; ++i) many += "([a-z]* \"x\" [a-z]{40} | ";
  many += "\"a\"" + std::string(40, ')');
  try_it(many);
  // 2⁴⁰ ways to begin.
  std::string doubling = "root ::= a0\n";
  for (int i = 0; i < 40; ++i) {
    for (const char* name : {"a", "b"}) {
      doubling += fmt::format("{0}{1} ::= a{2} \"1\" | b{2} \"2\"\n", name, i, i + 1);
    }
  }
  EXPECT_NE(try_it(doubling + "a40 ::= \"x\"\nb40 ::= \"x\"").find("too large"), std::string::npos);
}

}  // namespace
}  // namespace wattle::engine
