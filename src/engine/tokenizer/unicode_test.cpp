#include "engine/tokenizer/unicode.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace wattle::engine {
namespace {

// UAX #15, figures 3 to 6, and the characters of its examples.
TEST(Unicode, NormalFormsOfTheStandardsExamples) {
  struct Example {
    const char* text;
    const char* nfd;
    const char* nfc;
    const char* nfkd;
    const char* nfkc;
  };
  const Example examples[] = {
      {"\u212B", "A\u030A", "\u00C5", "A\u030A", "\u00C5"},  // Angstrom sign
      {"\u2126", "\u03A9", "\u03A9", "\u03A9", "\u03A9"},    // Ohm sign
      {"\u1E9B\u0323", "\u017F\u0323\u0307", "\u1E9B\u0323", "s\u0323\u0307", "\u1E69"},
      {"d\u0307\u0323", "d\u0323\u0307", "\u1E0D\u0307", "d\u0323\u0307", "\u1E0D\u0307"},
      {"\uFB01", "\uFB01", "\uFB01", "fi", "fi"},
      {"2\u2075", "2\u2075", "2\u2075", "25", "25"},
      {"\uAC01", "\u1100\u1161\u11A8", "\uAC01", "\u1100\u1161\u11A8", "\uAC01"},  // Hangul
      {"", "", "", "", ""},
      {"plain \t~", "plain \t~", "plain \t~", "plain \t~", "plain \t~"},
  };
  for (const Example& example : examples) {
    SCOPED_TRACE(example.text);
    EXPECT_EQ(to_normal_form(example.text, NormalForm::nfd), example.nfd);
    EXPECT_EQ(to_normal_form(example.text, NormalForm::nfc), example.nfc);
    EXPECT_EQ(to_normal_form(example.text, NormalForm::nfkd), example.nfkd);
    EXPECT_EQ(to_normal_form(example.text, NormalForm::nfkc), example.nfkc);
  }
}

TEST(Unicode, KeepsNulAndTheLongestDecomposition) {
  const std::string text = std::string("\0\u00E9", 3);
  EXPECT_EQ(to_normal_form(text, NormalForm::nfd), std::string("\0e\u0301", 4));
  EXPECT_EQ(to_normal_form("\uFDFA", NormalForm::nfkd).size(), 33U);  // 18 code points
}

TEST(Unicode, LowerCaseIsCharacterByCharacter) {
  EXPECT_EQ(to_lower_case("ÄÖÜ ΑΣ Ж K"), "äöü ασ ж k");  // no final sigma
  EXPECT_EQ(to_lower_case("\u0130"), "i\u0307");         // the one with two code points
  EXPECT_EQ(to_lower_case("ß1"), "ß1");
}

TEST(Unicode, MarksOfAllThreeKindsGo) {
  EXPECT_EQ(without_marks("e\u0301 \u0915\u093E \u20DD"), "e \u0915 ");
  EXPECT_EQ(without_marks("é"), "é");  // not decomposed here
}

// Marks in descending order of their classes: a sort by exchange would take hours.
TEST(Unicode, LongRunsOfMarksTakeNoLongTime) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";  // classes 230, 220
  const std::clock_t start = std::clock();
  const std::string form = to_normal_form(text, NormalForm::nfc);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5);
  EXPECT_TRUE(form.starts_with("\u0323\u0323"));
  EXPECT_TRUE(form.ends_with("\u0301\u0301"));
  EXPECT_EQ(form.size(), text.size());
}

}  // namespace
}  // namespace wattle::engine
