#include "engine/text_stream.hpp"

#include <gtest/gtest.h>

namespace wattle::engine {
namespace {

TEST(TextStream, CharactersSplitOverTokensComeOutWhole) {
  TextStream stream({});
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\x8C"), "");
  EXPECT_EQ(stream.push("\xA1z"), "\xF0\x9F\x8C\xA1z");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, InvalidBytesBecomeReplacementCharacters) {
  TextStream stream({});
  EXPECT_EQ(stream.push("x\xFFy\xC0\xAF"), "x\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(TextStream, NothingOfAStopStringIsShown) {
  TextStream stream({"</end>"});
  EXPECT_EQ(stream.push("so</e"), "so");
  EXPECT_EQ(stream.push("x</"), "</ex");
  EXPECT_EQ(stream.push("end"), "");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.push("> more"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.push("later"), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, HeldBackTextComesOutAtTheEnd) {
  TextStream stream({"stop"});
  EXPECT_EQ(stream.push("go sto"), "go ");
  EXPECT_EQ(stream.finish(), "sto");
}

TEST(TextStream, TheEarliestOfSeveralStopStringsCounts) {
  TextStream stream({"bb", "ab", ""});
  EXPECT_EQ(stream.push("xabb"), "x");
  EXPECT_TRUE(stream.stopped());
}

TEST(Utf8Character, FollowsTheTableOfWellFormedSequences) {
  EXPECT_EQ(utf8_character("A"), 1);
  EXPECT_EQ(utf8_character("\xC3\xA9"), 2);
  EXPECT_EQ(utf8_character("\xE2\x82\xAC"), 3);
  EXPECT_EQ(utf8_character("\xF0\x9F\x8C\xA1"), 4);
  EXPECT_EQ(utf8_character("\xE2\x82"), 0);
  EXPECT_EQ(utf8_character("\xE0\x80\x80"), -1);      // overlong
  EXPECT_EQ(utf8_character("\xED\xA0\x80"), -1);      // surrogate
  EXPECT_EQ(utf8_character("\xF4\x90\x80\x80"), -1);  // above U+10FFFF
  EXPECT_EQ(utf8_character("\x80"), -1);
}

}  // namespace
}  // namespace wattle::engine
