#include "engine/tokenizer/special_splitter.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace wattle::engine {
namespace {

// "[7]" is token 7, anything else plain text.
std::string shown(const std::vector<Fragment>& fragments) {
  std::string text;
  for (const auto& fragment : fragments) {
    text += fragment.token >= 0 ? fmt::format("[{}]", fragment.token)
                                : fmt::format("({})", fragment.text);
  }
  return text;
}

TEST(SpecialSplitter, TakesTheLongestAtTheLeftmostPlace) {
  SpecialSplitter splitter;
  splitter.add("<a>", {.token = 1});
  splitter.add("<a><b>", {.token = 2});
  splitter.add("<b>", {.token = 3});
  EXPECT_EQ(shown(splitter.split("x<a><b><b>y", true)), "(x)[2][3](y)");
  EXPECT_EQ(shown(splitter.split("<a><a", true)), "[1](<a)");
  EXPECT_EQ(shown(splitter.split("", true)), "");
}

TEST(SpecialSplitter, CutsOnlyWhatIsAskedFor) {
  SpecialSplitter splitter;
  splitter.add("<control>", {.token = 1});
  splitter.add("<user>", {.token = 2, .always = true});
  splitter.add("", {.token = 3, .always = true});
  splitter.add("<user>", {.token = 4, .always = true});  // a duplicate: the first one counts
  EXPECT_EQ(shown(splitter.split("<control><user>", false)), "(<control>)[2]");
  EXPECT_EQ(shown(splitter.split("<control><user>", true)), "[1][2]");
}

TEST(SpecialSplitter, StripsWhiteSpaceOnlyWhereSpecialTokensAreParsed) {
  SpecialSplitter splitter;
  splitter.add("<user>", {.token = 1, .always = true, .strip_after = true});
  EXPECT_EQ(shown(splitter.split("<user>\n\t hi ", true)), "[1](hi )");
  EXPECT_EQ(shown(splitter.split("<user>\n", true)), "[1]");
  EXPECT_EQ(shown(splitter.split("<user> hi", false)), "[1]( hi)");
}

}  // namespace
}  // namespace wattle::engine
