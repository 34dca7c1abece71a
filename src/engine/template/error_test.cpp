// What is refused, with which code and at which line; limits that end hostile templates.
#include <fmt/format.h>

#include <ctime>

#include "base/clock.hpp"
#include "engine/template/test_render.hpp"

namespace wattle::engine {
namespace {

TEST(TemplateError, SyntaxErrorsSayTheLine) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const auto& [text, expected] : {
           Case{"a\n{{ 1 +", "t, line 2: a tag is not closed with }}"},
           Case{"a\n\n{% if x %}\nb", "t, line 4: the template ends before 'endif'"},
           Case{"{% for x in y %}", "t, line 1: the template ends before 'endfor'"},
           Case{"\n{% endif %}", "t, line 2: unexpected 'endif'"},
           Case{"{% nonsense %}", "t, line 1: unknown tag 'nonsense'"},
           Case{"{{ }}", "t, line 1: expected an expression, found '}}'"},
           Case{"{{ a b }}", "t, line 1: expected '}}', found 'b'"},
           Case{"{{ 'abc }}", "t, line 1: a string is not closed"},
           Case{"{# abc", "t, line 1: a comment is not closed with #}"},
           Case{"\n{% raw %} abc", "t, line 2: a raw block is not closed with {% endraw %}"},
           Case{"{{ (1] }}", "t, line 1: unexpected ']', expected ')'"},
           Case{"{{ 1) }}", "t, line 1: unexpected ')'"},
           Case{"{{ $ }}", "t, line 1: unexpected character '$'"},
           Case{"{{ '\\x4' }}", "t, line 1: an escape needs 2 hexadecimal digits"},
           Case{"{{ '\\U00110000' }}", "t, line 1: an escape is no Unicode character"},
           Case{"{{ 0x }}", "t, line 1: '0x' is not a number"},
           Case{"{% set true = 2 %}", "t, line 1: cannot assign to 'true'"},
           Case{"{% set 1 = 2 %}", "t, line 1: expected a name to assign to, found '1'"},
           Case{"{% break %}", "t, line 1: 'break' outside of a loop"},
           Case{"{{ f(a=1, 2) }}", "t, line 1: an argument without a name follows one with a name"},
           Case{"{% macro m(a=1, b) %}{% endmacro %}",
                "t, line 1: a parameter without a default follows one with a default"},
           Case{"{{ a is string is string }}", "t, line 1: tests cannot be chained with 'is'"},
           Case{"{{ a[1, 2] }}", "t, line 1: expected ']', found ','"},
           Case{"{{ a[] }}", "t, line 1: a subscript is empty"},
       }) {
    const auto parsed = ChatTemplate::parse(text, "t");
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_format) << text;
    EXPECT_EQ(parsed.error().what, expected) << text;
  }
}

TEST(TemplateError, WhatIsNotCoveredIsSaidSo) {
  for (const char* text :
       {"{% include 'x' %}", "{% extends 'x' %}", "{% block b %}{% endblock %}",
        "{% call m() %}{% endcall %}", "{% for x in y recursive %}{% endfor %}", "{{ f(*a) }}"}) {
    const auto parsed = ChatTemplate::parse(text, "t");
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::unsupported) << text;
    EXPECT_NE(parsed.error().remedy.find("docs/chat-templates.md"), std::string::npos);
  }
}

TEST(TemplateError, AFilterThatIsNotCoveredMattersOnlyWhereItIsUsed) {
  EXPECT_EQ(rendered("{% if false %}{{ 1 | groupby('a') }}{% endif %}x"), "x");
  const auto result = render_text("a\n{{ [] | groupby('a') }}");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::unsupported);
  EXPECT_EQ(result.error().what, "t, line 2: no filter is named 'groupby'");
  EXPECT_EQ(render_text("{{ '%d' % 1 }}").error().code, ErrorCode::unsupported);
}

TEST(TemplateError, RunTimeErrorsSayTheLine) {
  const auto result = render_text("{% macro m(a) %}\n{{ a.b.c }}\n{% endmacro %}\n\n{{ m({}) }}");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::invalid_format);
  EXPECT_EQ(result.error().what, "t, line 2: 'dict object' has no attribute 'b'");
}

TEST(TemplateError, RaisedExceptionsAreCarriedWordForWord) {
  const auto result =
      render_text("a\n{{ raise_exception('No ' ~ role ~ '!\n') }}", Json{{"role", "system"}});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(result.error().what, "No system!\n");
  EXPECT_EQ(result.error().remedy, "");
}

TEST(TemplateError, VariablesMustBeAnObject) {
  EXPECT_EQ(render_text("x", Json::array()).error().code, ErrorCode::invalid_format);
}

TEST(TemplateError, TextThatIsNotUtf8IsRefusedInTemplatesAndPassedOnInVariables) {
  EXPECT_EQ(ChatTemplate::parse("a\xFF").error().code, ErrorCode::invalid_format);
  EXPECT_EQ(rendered("{{ s }}{{ s | length }}{{ s[1] }}{{ s | upper }}", Json{{"s", "a\xFF"}}),
            "a\xFF"
            "2\xFF"
            "A\xFF");
}

// 2026-11-20 is a Friday, the 324th day.
TEST(TemplateTime, IsTheClocksInUtc) {
  const FakeClock clock(0, 1'795'182'305'123'456'789);  // 2026-11-20T13:45:05.123456789Z
  const auto now = [&](const std::string& format) {
    return *render_text("{{ strftime_now('" + format + "') }}", Json::object(), &clock);
  };
  EXPECT_EQ(now("%d %b %Y"), "20 Nov 2026");
  EXPECT_EQ(now("%A, %B %-d; %a %e"), "Friday, November 20; Fri 20");
  EXPECT_EQ(now("%Y-%m-%dT%H:%M:%S.%f %I%p %j %y %%"), "2026-11-20T13:45:05.123456 01PM 324 26 %");
  EXPECT_EQ(now("%F %T %Z%z"), "2026-11-20 13:45:05 UTC+0000");
  EXPECT_EQ(*render_text("{{ strftime_now is defined }}", Json::object(), &clock), "True");
  const auto unknown = render_text("{{ strftime_now('%Q') }}", Json::object(), &clock);
  EXPECT_EQ(unknown.error().what, "t, line 1: strftime_now() knows no '%Q'");
  EXPECT_FALSE(render_text("{{ strftime_now('%') }}", Json::object(), &clock).has_value());
  const FakeClock before_1970(0, -1);
  EXPECT_EQ(*render_text("{{ strftime_now('%Y %f') }}", Json::object(), &before_1970),
            "1969 999999");
}

TEST(TemplateTime, WithoutAClockThereIsNone) {
  EXPECT_EQ(rendered("{{ strftime_now('%Y') }}"), "error: t, line 1: 'strftime_now' is undefined");
}

TEST(TemplateLimit, EachIsKept) {
  const auto code = [](const std::string& text, const TemplateLimits& limits) {
    const auto result = render_text(text, Json::object(), nullptr, limits);
    return result ? "ok" : std::string(error_code_name(result.error().code));
  };
  const std::string loop = "{% for i in range(100) %}xx{% endfor %}";
  EXPECT_EQ(code(loop, {}), "ok");
  EXPECT_EQ(code(loop, {.template_bytes = 10}), "resource_exhausted");
  EXPECT_EQ(code(loop, {.output_bytes = 199}), "resource_exhausted");
  EXPECT_EQ(code(loop, {.output_bytes = 200}), "ok");
  EXPECT_EQ(code(loop, {.work_bytes = 1000}), "resource_exhausted");
  EXPECT_EQ(code(loop, {.steps = 100}), "resource_exhausted");
  EXPECT_EQ(code(loop, {.depth = 1}), "resource_exhausted");
  EXPECT_EQ(code(loop, {.range_length = 99}), "resource_exhausted");
}

std::string repeated(const std::string& text, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

// Every one of these would run for hours, take all memory or overflow the stack. The bound is loose
// because machines are busy and sanitizers slow.
TEST(TemplateLimit, HostileTemplatesEndSoon) {
  const std::string nest =
      "{% set ns = namespace(x=[], y=[]) %}{% for i in range(100000) %}"
      "{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}";
  const std::string double_up =
      "{% set ns = namespace(x=[]) %}{% for i in range(60) %}"
      "{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  const std::string long_text = "{% set a = 'a' * 1000000 %}";
  const std::vector<std::string> templates = {
      "{% set ns = namespace(x='aaaa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}"
      "{% endfor %}",
      "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      nest + "{{ ns.x }}",
      nest + "{{ ns.x | tojson }}",
      nest + "{{ ns.x == ns.y }}",
      double_up + "{{ ns.x }}",
      double_up + "{{ ns.x == ns.x | list }}",
      "{% set x = [] %}{% set _ = x.append(x) %}{{ x }}",
      "{{ 'abc' * 9223372036854775807 }}",
      "{{ [1] * 9223372036854775807 }}",
      "{{ 'a\nb' | indent(1000000000000) }}",
      "{{ [1] | tojson(indent=1000000000000) }}",
      long_text + "{{ a | replace('a', a) }}",
      long_text + "{{ a.strip('bcdefgha' * 10000) }}",
      long_text + "{% for i in range(99999) %}{% set x = 'b' in a %}{% endfor %}",
      long_text + "{% for i in range(99999) %}{% set x = a[i] %}{% endfor %}",
      long_text + "{{ ([a] * 1000) | sort | length }}",
      "{% set l = range(99999) | list %}{% for i in l %}{% set _ = l.pop(0) %}{% endfor %}",
      "{{ " + repeated("(", 50000) + "1" + repeated(")", 50000) + " }}",
      "{{ " + repeated("not ", 50000) + "1 }}",
      "{{ " + repeated("-", 50000) + "1 }}",
      "{{ 1" + repeated("+1", 50000) + " }}",
      "{{ a" + repeated("|e", 50000) + " }}",
      "{{ 1" + repeated(" if 1 else 1", 20000) + " }}",
      repeated("{% if 1 %}", 50000) + repeated("{% endif %}", 50000),
  };
  for (const auto& text : templates) {
    const std::clock_t start = std::clock();
    const auto result = render_text(text);
    const double cpu_s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    ASSERT_FALSE(result.has_value()) << text.substr(0, 200);
    EXPECT_EQ(result.error().code, ErrorCode::resource_exhausted) << text.substr(0, 200);
    EXPECT_LT(cpu_s, 20) << text.substr(0, 200);
  }
}

TEST(TemplateLimit, VariablesNestedTooDeeplyAreRefused) {
  Json deep = Json::array();
  for (int i = 0; i < 400; ++i) deep = Json::array({std::move(deep)});
  EXPECT_EQ(render_text("x", Json{{"v", deep}}).error().code, ErrorCode::resource_exhausted);
}

// A long conversation is far from any limit.
TEST(TemplateLimit, LongConversationsRender) {
  Json messages = Json::array();
  for (int i = 0; i < 2000; ++i) {
    messages.push_back(
        {{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", std::string(500, 'x')}});
  }
  const auto prompt = render_text(
      "{% for m in messages %}{{ '<' + m.role + '>' + m.content | trim + '\n' }}{% endfor %}",
      Json{{"messages", std::move(messages)}});
  ASSERT_TRUE(prompt.has_value()) << prompt.error().what;
  EXPECT_EQ(prompt->size(), 1000 * (6 + 500 + 1) + 1000 * (11 + 500 + 1));
}

}  // namespace
}  // namespace wattle::engine
