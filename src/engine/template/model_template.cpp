// The template that a model brings, or the default that it gets.

#include <fmt/format.h>

#include <algorithm>

#include "engine/chat_template.hpp"
#include "engine/template/default_forms.hpp"

namespace wattle::engine {
namespace {

constexpr std::string_view kKey = "tokenizer.chat_template";

std::string variant_key(std::string_view name) {
  return fmt::format("{}.{}", kKey, name);
}

Result<ModelTemplate> own_template(const GgufFile& file, const std::string& key) {
  WATTLE_TRY(const auto text, file.get_string(key));
  return ModelTemplate{text.value_or(""), fmt::format("{} of {}", key, file.source()), {}, {}};
}

std::unexpected<Error> no_such_variant(const GgufFile& file, const std::string& name) {
  const auto names = chat_template_names(file);
  return fail(
      ErrorCode::not_found, fmt::format("{} has no chat template named '{}'", file.source(), name),
      names.empty() ? "It has none with a name" : fmt::format("It has {}", fmt::join(names, ", ")));
}

// A file without a vocabulary has no tokens.
std::vector<std::string> vocabulary_of(const GgufFile& file) {
  const GgufArray* array = file.find_array("tokenizer.ggml.tokens");
  const auto* tokens =
      array != nullptr ? std::get_if<std::vector<std::string>>(&array->values) : nullptr;
  return tokens != nullptr ? *tokens : std::vector<std::string>();
}

Result<ModelTemplate> default_for(const GgufFile& file) {
  WATTLE_TRY(const auto architecture, file.get_string("general.architecture"));
  const auto chosen = choose_default_form(architecture.value_or(""), vocabulary_of(file));
  WATTLE_TRY(auto found, default_chat_template(chosen.form));
  found.reason = chosen.reason;
  return found;
}

}  // namespace

std::vector<std::string> chat_template_names(const GgufFile& file) {
  std::vector<std::string> names;
  const std::string prefix = variant_key("");
  for (const auto& [key, value] : file.metadata()) {
    if (key.starts_with(prefix)) names.push_back(key.substr(prefix.size()));
  }
  return names;
}

Result<ModelTemplate> chat_template_of(const GgufFile& file, const TemplateChoice& choice) {
  const auto has = [&](const std::string& key) { return file.find(key) != nullptr; };
  if (!choice.name.empty()) {
    const std::string key = variant_key(choice.name);
    return has(key) ? own_template(file, key) : no_such_variant(file, choice.name);
  }
  if (choice.has_tools && has(variant_key("tool_use"))) {
    return own_template(file, variant_key("tool_use"));
  }
  for (const std::string& key : {std::string(kKey), variant_key("default")}) {
    if (has(key)) return own_template(file, key);
  }
  return default_for(file);
}

std::vector<std::string> default_chat_forms() {
  std::vector<std::string> names;
  for (const auto& form : default_forms()) names.emplace_back(form.name);
  return names;
}

Result<ModelTemplate> default_chat_template(std::string_view form) {
  const auto forms = default_forms();
  const auto found = std::ranges::find(forms, form, &DefaultForm::name);
  if (found == forms.end()) {
    return fail(ErrorCode::invalid_argument, fmt::format("there is no chat form '{}'", form),
                fmt::format("Choose one of {}", fmt::join(default_chat_forms(), ", ")));
  }
  return ModelTemplate{std::string(kDefaultPrelude) + std::string(found->text),
                       fmt::format("Wattle's default chat template '{}'", form), std::string(form),
                       "it was asked for"};
}

}  // namespace wattle::engine
