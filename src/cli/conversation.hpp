#pragma once
// Messages become a prompt by the model's chat template, and the prompt the tokens that a session
// does not have yet.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "engine/chat_template.hpp"
#include "engine/generate.hpp"

namespace wattle::cli {

class Conversation {
 public:
  // `template_file` empty: the model's own template, or the default that fits it. `system` empty:
  // no system message.
  static Result<Conversation> begin(const engine::Model& model, const std::string& template_file,
                                    const std::string& system);

  // Why a default form is used; empty for the model's own template.
  [[nodiscard]] const std::string& note() const { return note_; }

  void add(std::string_view role, std::string_view content);
  // Takes the last message back.
  void take_back() { messages_.erase(messages_.size() - 1); }
  // Forgets everything but the system message.
  void reset();

  // The whole prompt, ready for the assistant's turn. Errors: the template's own.
  [[nodiscard]] Result<std::vector<engine::TokenId>> tokens() const;

 private:
  Conversation(const engine::Model& model, engine::ChatTemplate chat_template)
      : tokenizer_(&model.tokenizer()), template_(std::move(chat_template)) {}

  const engine::Tokenizer* tokenizer_;
  engine::ChatTemplate template_;
  std::string note_;
  std::string system_;
  Json messages_ = Json::array();
};

}  // namespace wattle::cli
