#pragma once
// Chat templates for models that bring none: docs/chat-templates.md has the table.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wattle::engine {

struct DefaultForm {
  std::string_view name;
  std::string_view text;                        // behind kDefaultPrelude
  std::vector<std::string_view> tokens;         // what a vocabulary must have for it
  std::vector<std::string_view> architectures;  // that it is tried for before all others
};

// In the order in which they are tried for any other architecture.
[[nodiscard]] std::span<const DefaultForm> default_forms();
// Refuses tools and content that is no text; defines text_of(message).
extern const std::string_view kDefaultPrelude;

struct ChosenForm {
  std::string form;
  std::string reason;  // "the vocabulary has <|im_start|> and <|im_end|>"
};
[[nodiscard]] ChosenForm choose_default_form(std::string_view architecture,
                                             const std::vector<std::string>& vocabulary);

}  // namespace wattle::engine
