// Real chat templates against the prompts that Jinja2 renders (../shared/data/templates).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_shared.hpp"
#include "engine/chat_template.hpp"

namespace wattle::engine {
namespace {

std::filesystem::path template_folder() {
  return shared_data() / "templates";
}

void check_conversations(const std::filesystem::path& file) {
  SCOPED_TRACE(file.string());
  const auto text = read_file(file);
  auto json_file = file;
  const auto cases_text = read_file(json_file.replace_extension(".json"));
  ASSERT_TRUE(text && cases_text);
  const auto chat_template = ChatTemplate::parse(*text);
  ASSERT_TRUE(chat_template) << chat_template.error().message();
  const auto cases = parse_json(*cases_text, json_file.string());
  ASSERT_TRUE(cases) << cases.error().message();
  for (const auto& conversation : *cases) {
    const auto prompt = chat_template->render(conversation["input"]);
    if (conversation.contains("error")) {
      ASSERT_FALSE(prompt) << *prompt;
      EXPECT_EQ(prompt.error().what, conversation["error"].get<std::string>());
      EXPECT_EQ(prompt.error().code, ErrorCode::invalid_argument);
    } else {
      ASSERT_TRUE(prompt) << prompt.error().message();
      EXPECT_EQ(*prompt, conversation["expected"].get<std::string>());
    }
  }
}

TEST(ChatTemplateReference, RealTemplatesGiveThePromptsOfJinja2) {
  if (!std::filesystem::exists(template_folder())) {
    GTEST_SKIP() << template_folder() << " is not here (WATTLE_SHARED names its folder)";
  }
  std::size_t n_templates = 0;
  for (const auto& entry : std::filesystem::directory_iterator(template_folder())) {
    if (entry.path().extension() != ".jinja") continue;
    check_conversations(entry.path());
    ++n_templates;
  }
  EXPECT_GT(n_templates, 0U);
}

// The parts of such templates that the conversations above do not reach: tools, tool calls and
// answers with reasoning. Written for this test.
TEST(ChatTemplateReference, ToolsAndReasoning) {
  const auto chat_template = ChatTemplate::parse(R"({%- if tools %}
    {{- "<tools>" }}
    {%- for tool in tools %}
        {{- "\n" + (tool | tojson) }}
    {%- endfor %}
    {{- "\n</tools>\n" }}
{%- endif %}
{%- set ns = namespace(last=messages|length - 1, searching=true) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.searching and message.role == "user" %}
        {%- set ns.searching = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else "" %}
    {%- if message.role == "assistant" and "</think>" in content %}
        {%- set thought = content.split("</think>")[0].split("<think>")[-1].strip("\n") %}
        {%- set content = content.split("</think>")[-1].lstrip("\n") %}
        {%- if loop.index0 > ns.last %}
            {{- "[" ~ thought ~ "]" }}
        {%- endif %}
    {%- endif %}
    {{- message.role ~ ": " ~ content }}
    {%- for call in message.tool_calls or [] %}
        {%- set call = call.function if call.function is defined else call %}
        {{- '{"name": "' ~ call.name ~ '", "arguments": ' }}
        {{- call.arguments if call.arguments is string else call.arguments | tojson }}
        {{- "}" }}
    {%- endfor %}
    {{- "\n" }}
{%- endfor %})");
  ASSERT_TRUE(chat_template) << chat_template.error().message();
  const auto variables = parse_json(R"({
    "tools": [{"type": "function", "function": {"name": "read", "parameters": {"at": [1, 2.0]}}}],
    "messages": [
      {"role": "user", "content": "one"},
      {"role": "assistant", "content": "<think>\nsecret\n</think>\n\nfirst"},
      {"role": "user", "content": "two"},
      {"role": "assistant", "content": null,
       "tool_calls": [{"function": {"name": "read", "arguments": {"a": "é\"", "b": null}}},
                      {"name": "raw", "arguments": "{}"}]},
      {"role": "assistant", "content": "<think>why</think>second"}]})",
                                    "test");
  EXPECT_EQ(chat_template->render(*variables).value(),
            "<tools>\n"
            "{\"type\": \"function\", \"function\": {\"name\": \"read\", \"parameters\": "
            "{\"at\": [1, 2.0]}}}\n"
            "</tools>\n"
            "user: one\n"
            "assistant: first\n"
            "user: two\n"
            "assistant: {\"name\": \"read\", \"arguments\": {\"a\": \"é\\\"\", \"b\": null}}"
            "{\"name\": \"raw\", \"arguments\": {}}\n"
            "[why]assistant: second\n");
}

}  // namespace
}  // namespace wattle::engine
