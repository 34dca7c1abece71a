#pragma once
// Chat templates: the Jinja text in a model that turns messages into the prompt it was trained on,
// rendered as Hugging Face renders it (trim_blocks, lstrip_blocks, loop controls). What of Jinja is
// covered and what is refused: docs/chat-templates.md.
//
// Prompts are to be encoded with EncodeOptions::parse_special, and without a second BOS where the
// prompt already begins with one.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::engine {

// A template comes out of a model file, so it is hostile until proven otherwise: one rendering
// ends within these limits, with resource_exhausted. The defaults are about a second and, at worst,
// a few hundred megabytes; real prompts need a thousandth of both.
struct TemplateLimits {
  std::size_t template_bytes = std::size_t{1} << 20U;
  std::size_t output_bytes = std::size_t{32} << 20U;
  std::size_t work_bytes = std::size_t{128} << 20U;  // text and values made, and text searched
  std::size_t steps = 4'000'000;                     // expressions evaluated, elements visited
  std::size_t depth = 300;              // expressions, blocks, macro calls, values in each other
  std::int64_t range_length = 100'000;  // of range(); Hugging Face has the same
};

// Immutable; may be shared between threads.
class ChatTemplate {
 public:
  // `source` names the template in errors ("the chat template of x.gguf"), which say the line.
  // invalid_format: not a template. unsupported: a tag that is not covered.
  static Result<ChatTemplate> parse(std::string_view text, std::string source = "chat template",
                                    const TemplateLimits& limits = {});

  // `variables` is an object: messages, add_generation_prompt, bos_token, tools, whatever the
  // template asks for. As with Hugging Face, absent tools and documents are none and an absent
  // add_generation_prompt is false. strftime_now exists only with a clock, and speaks UTC.
  // Errors: invalid_argument is the template's own raise_exception and carries exactly its
  // message; invalid_format: the template fails on these variables; unsupported: a filter or a
  // method that is not covered; resource_exhausted: a limit.
  [[nodiscard]] Result<std::string> render(const Json& variables,
                                           const Clock* clock = nullptr) const;

 private:
  struct Parsed;
  explicit ChatTemplate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;
};

struct ModelTemplate {
  std::string text;
  std::string source;        // for ChatTemplate::parse: the key and the file, or the default's name
  std::string default_form;  // "chatml" if the model has none and this is Wattle's; else empty
  std::string reason;        // why that form; empty for the model's own
};

struct TemplateChoice {
  std::string name;        // "tool_use": only tokenizer.chat_template.tool_use; empty: the main one
  bool has_tools = false;  // with no name: tokenizer.chat_template.tool_use if there is one
};

// The template of a model: tokenizer.chat_template or a named variant; where there is none, a
// default by architecture and by the control tokens of its vocabulary (docs/chat-templates.md), of
// which the caller should tell the user. not_found: no variant of the chosen name.
[[nodiscard]] Result<ModelTemplate> chat_template_of(const GgufFile& file,
                                                     const TemplateChoice& choice = {});
// NAME of every tokenizer.chat_template.NAME, in file order.
[[nodiscard]] std::vector<std::string> chat_template_names(const GgufFile& file);

// Wattle's own forms: "chatml", "gemma", "llama2", "llama3", "phi3", "plain".
[[nodiscard]] std::vector<std::string> default_chat_forms();
[[nodiscard]] Result<ModelTemplate> default_chat_template(std::string_view form);

// bos_token, eos_token, unk_token and pad_token, as far as the model has them: variables for
// render().
[[nodiscard]] Json template_tokens(const Tokenizer& tokenizer);

}  // namespace wattle::engine
