#include "engine/template/default_forms.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::engine {

const std::string_view kDefaultPrelude = R"({%- if tools %}
    {{- raise_exception("this default chat template knows no tools") }}
{%- endif %}
{%- macro text_of(message) %}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content or [] %}
            {%- if part.type != "text" %}
                {{- raise_exception("this default chat template knows no content but text") }}
            {%- endif %}
            {{- part.text }}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
)";

namespace {

constexpr std::string_view kLlama3 = R"({{- bos_token }}
{%- for message in messages %}
    {{- "<|start_header_id|>" ~ message.role ~ "<|end_header_id|>\n\n" }}
    {{- text_of(message) | trim ~ "<|eot_id|>" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|start_header_id|>assistant<|end_header_id|>\n\n" }}
{%- endif %})";

constexpr std::string_view kChatMl = R"({%- for message in messages %}
    {{- "<|im_start|>" ~ message.role ~ "\n" ~ text_of(message) ~ "<|im_end|>\n" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|im_start|>assistant\n" }}
{%- endif %})";

constexpr std::string_view kPhi3 = R"({%- for message in messages %}
    {%- if message.role not in ["system", "user", "assistant"] %}
        {{- raise_exception("the roles are system, user and assistant") }}
    {%- endif %}
    {{- "<|" ~ message.role ~ "|>\n" ~ text_of(message) ~ "<|end|>\n" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|assistant|>\n" }}
{%- endif %})";

// There is no system turn: what it would say goes before the first turn of the user.
constexpr std::string_view kGemma = R"({{- bos_token }}
{%- set ns = namespace(before="") %}
{%- for message in messages %}
    {%- if message.role == "system" %}
        {%- set ns.before = ns.before ~ text_of(message) | trim ~ "\n\n" %}
    {%- elif message.role in ["user", "assistant"] %}
        {%- set role = "model" if message.role == "assistant" else "user" %}
        {{- "<start_of_turn>" ~ role ~ "\n" ~ ns.before ~ text_of(message) | trim }}
        {{- "<end_of_turn>\n" }}
        {%- set ns.before = "" %}
    {%- else %}
        {{- raise_exception("the roles are system, user and assistant") }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<start_of_turn>model\n" }}
{%- endif %})";

constexpr std::string_view kPlain = R"({%- for message in messages %}
    {{- text_of(message) }}
    {%- if not loop.last %}
        {{- "\n" }}
    {%- endif %}
{%- endfor %})";

constexpr std::string_view kLlama2 = R"({%- set ns = namespace(before="") %}
{%- for message in messages %}
    {%- set text = text_of(message) | trim %}
    {%- if message.role == "system" %}
        {%- set ns.before = "<<SYS>>\n" ~ text ~ "\n<</SYS>>\n\n" %}
    {%- elif message.role == "user" %}
        {{- bos_token ~ "[INST] " ~ ns.before ~ text ~ " [/INST]" }}
        {%- set ns.before = "" %}
    {%- elif message.role == "assistant" %}
        {{- " " ~ text ~ " " ~ eos_token }}
    {%- else %}
        {{- raise_exception("the roles are system, user and assistant") }}
    {%- endif %}
{%- endfor %})";

}  // namespace

std::span<const DefaultForm> default_forms() {
  static const std::vector<DefaultForm> forms = {
      {"llama3", kLlama3, {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}, {}},
      {"chatml", kChatMl, {"<|im_start|>", "<|im_end|>"}, {"qwen2", "qwen3", "stablelm"}},
      {"phi3", kPhi3, {"<|user|>", "<|assistant|>", "<|end|>"}, {"phi3"}},
      {"gemma", kGemma, {"<start_of_turn>", "<end_of_turn>"}, {"gemma", "gemma2"}},
      {"plain", kPlain, {}, {}},
      {"llama2", kLlama2, {}, {}},
  };
  return forms;
}

ChosenForm choose_default_form(std::string_view architecture,
                               const std::vector<std::string>& vocabulary) {
  const auto has_token = [&](std::string_view token) {
    return std::ranges::find(vocabulary, token) != vocabulary.end();
  };
  const auto fits = [&](const DefaultForm& form) {
    return std::ranges::all_of(form.tokens, has_token);
  };
  const auto forms = default_forms();
  const auto is_preferred = [&](const DefaultForm& form) {
    return std::ranges::find(form.architectures, architecture) != form.architectures.end();
  };
  auto chosen = std::ranges::find_if(
      forms, [&](const DefaultForm& form) { return is_preferred(form) && fits(form); });
  if (chosen != forms.end()) {
    return {std::string(chosen->name), fmt::format("its architecture is {}", architecture)};
  }
  chosen = std::ranges::find_if(forms, fits);  // "plain" always does
  if (chosen->tokens.empty()) {
    return {std::string(chosen->name), "its vocabulary has no control tokens of a known form"};
  }
  return {std::string(chosen->name),
          fmt::format("its vocabulary has {}", fmt::join(chosen->tokens, " "))};
}

}  // namespace wattle::engine
