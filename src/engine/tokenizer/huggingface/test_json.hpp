#pragma once
// For tests only: a piece of tokenizer.json by itself.

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "engine/tokenizer/huggingface/place.hpp"

namespace wattle::engine::huggingface {

struct TestJson {
  explicit TestJson(const std::string& text) {
    auto parsed = parse_json(text, source);
    EXPECT_TRUE(parsed.has_value()) << text;
    if (parsed) value = std::move(*parsed);
  }
  // null is an absent part.
  [[nodiscard]] std::optional<Place> part() const {
    if (value.is_null()) return std::nullopt;
    return Place(value, source, "/part");
  }

  std::string source = "t.json";
  Json value;
};

// The message of what `read` makes of `text`, which must be an error.
template <class Read>
std::string error_of(const std::string& text, const Read& read) {
  const TestJson json(text);
  const auto result = read(json.part());
  EXPECT_FALSE(result.has_value()) << text;
  return result.has_value() ? std::string() : result.error().message();
}

}  // namespace wattle::engine::huggingface
