#pragma once
// tokenizer.json writes its regular expressions for Oniguruma, with the Ruby syntax; Wattle's Regex
// reads PCRE2's. They differ in the meaning of $ ^ . \w \b \h \v {n,m}+ {,m} and of script names.

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wattle::engine {

// The same pattern for Regex::compile(). unsupported, with the place, where the two have no common
// meaning or Wattle does not know it: back references, sets inside sets, options but (?i:...).
[[nodiscard]] Result<std::string> from_oniguruma(std::string_view pattern);

// A pattern that matches exactly `text`.
[[nodiscard]] std::string literal_pattern(std::string_view text);

}  // namespace wattle::engine
