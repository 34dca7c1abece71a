#pragma once
// For tests: renders small templates and compares tables of them.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "engine/chat_template.hpp"

namespace wattle::engine {

inline Result<std::string> render_text(std::string_view text,
                                       const Json& variables = Json::object(),
                                       const Clock* clock = nullptr,
                                       const TemplateLimits& limits = {}) {
  WATTLE_TRY(const auto parsed, ChatTemplate::parse(text, "t", limits));
  return parsed.render(variables, clock);
}

// What the table says, or "error: " and what went wrong.
inline std::string rendered(std::string_view text, const Json& variables = Json::object()) {
  const auto result = render_text(text, variables);
  return result ? *result : "error: " + result.error().what;
}

struct RenderCase {
  std::string text;
  std::string expected;
};
inline void expect_rendered(const std::vector<RenderCase>& cases,
                            const Json& variables = Json::object()) {
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(rendered(text, variables), expected) << text;
  }
}

// The error of each, without the place, which is "t, line 1: ".
inline void expect_errors(const std::vector<RenderCase>& cases,
                          const Json& variables = Json::object()) {
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(rendered(text, variables), "error: t, line 1: " + expected) << text;
  }
}

}  // namespace wattle::engine
