// Tags. Expected values are those of Jinja 3.1.
#include "engine/template/test_render.hpp"

namespace wattle::engine {
namespace {

TEST(TemplateStatement, If) {
  expect_rendered({
      {"{% if [] %}1{% elif '' %}2{% elif 0.0 %}3{% elif 'x' %}4{% else %}5{% endif %}", "4"},
      {"{% if x is defined and x.y %}a{% else %}b{% endif %}", "b"},
      {"{% if true: %}a{% endif %}", "a"},
  });
}

TEST(TemplateStatement, LoopsKnowWhereTheyAre) {
  expect_rendered({
      {"{% for x in 'ab' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}"
       "{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}",
       "1021TrueFalse2;2110FalseTrue2;"},
      {"{% for x in [1, 2, 3] %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
       "<1>2 1<2>3 2<3> "},
      {"{% for x in [1, 1, 2] %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x) }} {% endfor %}",
       "aTrue bFalse aTrue "},
      {"{% for x in range(2) %}{% for y in range(2) %}{{ loop.index }}{% endfor %}{{ loop.index }}"
       "{% endfor %}",
       "121122"},
  });
}

TEST(TemplateStatement, LoopsUnpackFilterAndElse) {
  expect_rendered({
      {"{% for k, v in {'b': 1, 'a': 2}.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a=2;"},
      {"{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
      {"{% for x in [3, 1, 2] if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }}{% endfor %}",
       "312222"},
      {"{% for x in [1] if x > 1 %}{{ x }}{% else %}no{% endfor %}", "no"},
      {"{% for k in {'b': 1} %}{{ k }}{% endfor %}{% for c in 'hé' %}{{ c }}.{% endfor %}",
       "bh.é."},
  });
  expect_errors({
      {"{% for a, b in [[1, 2, 3]] %}{% endfor %}", "expected 2 values to unpack, got 3"},
      {"{% for a, b in [1] %}{% endfor %}", "'int' object is not iterable"},
      {"{% for x in none %}{% endfor %}", "'NoneType' object is not iterable"},
  });
}

TEST(TemplateStatement, BreakAndContinue) {
  expect_rendered({
      {"{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "13"},
      {"{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% else %}e{% endfor "
       "%}",
       "1"},
      // Jinja's own idea: no iteration came to its end.
      {"{% for x in [1, 2] %}{{ x }}{% continue %}{% else %}e{% endfor %}", "12e"},
  });
}

TEST(TemplateStatement, ALoopKeepsItsVariablesToItself) {
  expect_rendered({
      {"{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}", "231"},
      {"{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "2"},
      {"{% for i in [1] %}{% endfor %}[{{ i }}{{ loop }}]", "[]"},
      {"{% set ns = namespace(a=1) %}{% for i in [2, 3] %}{% set ns.a = ns.a + i %}{% endfor %}"
       "{{ ns.a }}{{ ns['a'] }}{{ ns.b }}",
       "66"},
      {"{% set ns = namespace({'q': 1}, r=2) %}{{ ns.q }}{{ ns.r }}{{ ns }}",
       "12<Namespace {'q': 1, 'r': 2}>"},
  });
  expect_errors({
      {"{% set d = {} %}{% set d.y = 1 %}", "cannot assign attribute on non-namespace object"},
      {"{% set x.y = 1 %}", "cannot assign attribute on non-namespace object"},
  });
}

TEST(TemplateStatement, SetUnpacksAndCapturesBlocks) {
  expect_rendered({
      {"{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set t = 1, 2 %}{{ t }}", "21(1, 2)"},
      {"{% set x %} a{{ 1 }} {% endset %}[{{ x }}]", "[ a1 ]"},
      {"{% set x | upper | trim %} a{{ 1 }} {% endset %}[{{ x }}]", "[A1]"},
      {"{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}[{{ y }}]", "1[]"},
      {"{% set ns = namespace(a=0) %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}", "12"},
  });
  expect_errors({{"{% set a, b = [1] %}", "expected 2 values to unpack, got 1"}});
}

TEST(TemplateStatement, BlocksWithTheirOwnVariables) {
  expect_rendered({
      {"{% filter replace('a', 'b') | upper %}ac{% endfilter %}", "BC"},
      {"{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "155"},
      {"{% with %}{% set q = 1 %}{{ q }}{% endwith %}[{{ q }}]", "1[]"},
      {"{% set q = 1 %}{% generation %}{% set q = 2 %}{{ q }}{% endgeneration %}{{ q }}", "21"},
  });
}

TEST(TemplateStatement, Macros) {
  expect_rendered({
      {"{% macro m(a, b=2) %}{{ a }}{{ b }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=5, a=4) }}"
       "{{ m() }}",
       "12;13;45;2;"},
      {"{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "11"},
      {"{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }}",
       "1(2,){'z': 3}"},
      {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
       "3210"},
      {"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('a') ~ m('b') | upper }}{{ m('c') | length }}",
       "<a><B>3"},
  });
  expect_errors({
      {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
       "macro 'm' takes not more than 1 argument(s)"},
      {"{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "macro 'm' takes no keyword argument 'b'"},
      {"{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "parameter 'a' was not provided"},
  });
}

TEST(TemplateStatement, MacrosSeeTheVariablesOfWhereTheyAreDefined) {
  expect_rendered({
      {"{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}"
       "{% for i in [1] %}{% set x = 3 %}{{ m() }}{% endfor %}",
       "22"},
      {"{% set ns = namespace(l=[]) %}{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}"
       "{% set ns.l = ns.l + [m] %}{% endfor %}{{ ns.l[0]() }}{{ ns.l[1]() }}",
       "12"},
  });
}

TEST(TemplateStatement, ListsAreSharedAsInPython) {
  expect_rendered({
      {"{% set a = [1] %}{% set b = a %}{% set _ = b.append(2) %}{{ a }}", "[1, 2]"},
      {"{% set a = [] %}{% for i in [1, 2] %}{% set _ = a.append(i) %}{% endfor %}{{ a }}",
       "[1, 2]"},
      {"{% set a = [1, 2, 3] %}{{ a.pop() }}{{ a.pop(0) }}{{ a }}", "31[2]"},
      {"{% set a = [1] %}{% set _ = a.extend('xy') %}{{ a }}", "[1, 'x', 'y']"},
  });
}

TEST(TemplateStatement, Functions) {
  expect_rendered({
      {"{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(10, 0, -4) | list }}",
       "[0, 1, 2] [1, 2, 3] [10, 6, 2]"},
      {"{{ dict(a=1) }} {{ dict([('x', 1)], y=2) }}", "{'a': 1} {'x': 1, 'y': 2}"},
      {"{{ range is callable }} {{ strftime_now is defined }}", "True False"},
      {"{% set f = 'a'.upper %}{{ f() }}", "A"},
  });
  expect_errors({
      {"{{ range(1, 2, 0) }}", "range() arg 3 must not be zero"},
      {"{{ range('a') }}", "range() needs an integer, not 'str'"},
  });
}

TEST(TemplateStatement, WhatHuggingFaceSetsInAnyCase) {
  expect_rendered(
      {{"{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}", "TrueTrueFalse"}});
  expect_rendered({{"{{ tools }}{{ add_generation_prompt }}", "[1]True"}},
                  Json{{"tools", {1}}, {"add_generation_prompt", true}});
}

TEST(TemplateStatement, ATemplateMayBeRenderedAgainAndChangesNothing) {
  const auto parsed = ChatTemplate::parse(
      "{% set _ = l.append(9) %}{{ l }}{% macro m() %}{{ l|length }}{% endmacro %}{{ m() }}");
  ASSERT_TRUE(parsed.has_value());
  const Json variables{{"l", {1}}};
  EXPECT_EQ(parsed->render(variables).value(), "[1, 9]2");
  EXPECT_EQ(parsed->render(variables).value(), "[1, 9]2");
}

}  // namespace
}  // namespace wattle::engine
