#include "engine/tokenizer/utf8.hpp"

#include <gtest/gtest.h>

namespace wattle::engine {
namespace {

TEST(Utf8, EveryCodePointIsReadAsItIsWritten) {
  for (std::uint32_t point = 0; point < 0x110000; ++point) {
    if (point >= 0xD800 && point < 0xE000) continue;
    std::string text;
    append_utf8(point, text);
    ASSERT_EQ(utf8_length(text), text.size()) << point;
    ASSERT_EQ(utf8_code_point(text, text.size()), point);
    text.pop_back();
    ASSERT_EQ(utf8_length(text), 0U) << point;
  }
}

// Table 3-7 of the Unicode Standard, the rows just outside it.
TEST(Utf8, RefusesWhatTheStandardRefuses) {
  for (const char* text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3(", "\xE2\x82("}) {
    EXPECT_EQ(utf8_length(text), 0U);
  }
  EXPECT_EQ(utf8_valid_prefix("a\xC3\xA9\xFFz"), 3U);
}

}  // namespace
}  // namespace wattle::engine
