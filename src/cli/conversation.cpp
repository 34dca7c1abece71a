#include "cli/conversation.hpp"

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"

namespace wattle::cli {

Result<Conversation> Conversation::begin(const engine::Model& model,
                                         const std::string& template_file,
                                         const std::string& system) {
  engine::ModelTemplate found;
  if (template_file.empty()) {
    WATTLE_TRY(found, engine::chat_template_of(model.file()));
  } else {
    WATTLE_TRY(found.text, read_file(template_file));
    found.source = template_file;
  }
  WATTLE_TRY(auto parsed, engine::ChatTemplate::parse(found.text, found.source));
  Conversation conversation(model, std::move(parsed));
  if (!found.default_form.empty()) {
    conversation.note_ = fmt::format("no chat template in the model; using '{}', because {}",
                                     found.default_form, found.reason);
  }
  conversation.system_ = system;
  conversation.reset();
  return conversation;
}

void Conversation::add(std::string_view role, std::string_view content) {
  messages_.push_back({{"role", role}, {"content", content}});
}

void Conversation::reset() {
  messages_ = Json::array();
  if (!system_.empty()) add("system", system_);
}

Result<std::vector<engine::TokenId>> Conversation::tokens() const {
  Json variables = engine::template_tokens(*tokenizer_);
  variables["messages"] = messages_;
  variables["add_generation_prompt"] = true;
  const SystemClock clock;
  WATTLE_TRY(const std::string prompt, template_.render(variables, &clock));
  const std::string bos = variables.value("bos_token", "");
  const bool has_bos = !bos.empty() && prompt.starts_with(bos);
  return tokenizer_->encode(prompt, {.add_special = !has_bos, .parse_special = true});
}

}  // namespace wattle::cli
