// Tests behind `is` and methods. Expected values are those of Jinja 3.1 and Python 3.
#include "engine/template/test_render.hpp"

namespace wattle::engine {
namespace {

TEST(TemplateTest, Types) {
  const Json variables{{"d", {{"a", 1}}}, {"nul", nullptr}};
  expect_rendered(
      {
          {"{{ 'a' is string }} {{ 1 is number }} {{ true is number }} {{ true is integer }} "
           "{{ 1 is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ nul is none }}",
           "True True True False True True True True"},
          {"{{ d is mapping }} {{ [] is mapping }} {{ [] is sequence }} {{ d is sequence }} "
           "{{ 'a' is sequence }} {{ 5 is iterable }} {{ x is iterable }} {{ (1,) is iterable }}",
           "True False True True True False True True"},
          {"{{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}",
           "True False True False"},
          {"{{ x is defined }} {{ x is undefined }} {{ nul is defined }} {{ d.q is not defined }}",
           "False True True True"},
      },
      variables);
}

TEST(TemplateTest, Values) {
  expect_rendered({
      {"{{ 3 is odd }} {{ 3 is even }} {{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }}",
       "True False True False"},
      {"{{ 3 is eq 3 }} {{ 3 is equalto(3) }} {{ 3 is ne 3 }} {{ 3 is gt 2 }} {{ 3 is ge 3 }} "
       "{{ 3 is lt 3 }} {{ 3 is le 2 }} {{ 3 is greaterthan 1 }} {{ 3 is lessthan 1 }}",
       "True True False True True False False True False"},
      {"{{ 3 is in [3] }} {{ 'a' is not in 'abc' }} {{ 'ab' is lower }} {{ 'AB1' is upper }} "
       "{{ '1' is lower }}",
       "True False True True False"},
      {"{% set l = [] %}{{ l is sameas l }} {{ l is sameas [] }} {{ 1 is sameas true }}",
       "True False False"},
      {"{{ 1 if 'a' is string else 2 }} {{ 'a' is string and 1 is number }} {{ none is not none }}",
       "1 True False"},
  });
}

TEST(TemplateMethod, StripAndSplit) {
  expect_rendered({
      {"{{ ' a '.strip() }}|{{ 'xyaxy'.strip('yx') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|"
       "{{ '\\n\\na\\n'.strip('\\n') }}|{{ 'éaé'.strip('é') }}",
       "a|a|a | a|a|a"},
      {"{{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b '.split() }} "
       "{{ ' a  b c '.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }}",
       "['a', 'b', 'c'] ['a', 'b,c'] ['a', 'b'] ['a', 'b c '] [] ['']"},
      {"{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a,b'.split(sep=',', maxsplit=0) }} "
       "{{ 'a</t>b</t>c'.split('</t>')[-1] }}",
       "['a,b', 'c'] ['a,b'] c"},
      {"{{ 'a\\nb\\r\\nc'.splitlines() }} {{ 'a\\nb'.splitlines(true) }}",
       "['a', 'b', 'c'] ['a\\n', 'b']"},
  });
  expect_errors({{"{{ 'a'.split('') }}", "empty separator"}});
}

TEST(TemplateMethod, Text) {
  expect_rendered({
      {"{{ 'Hello'.startswith('He') }} {{ 'Hello'.endswith(('x', 'lo')) }} "
       "{{ 'Hello'.startswith('llo', 2) }} {{ 'Hello'.endswith('') }}",
       "True True True True"},
      {"{{ 'aB'.upper() }} {{ 'aB'.lower() }} {{ 'aBC'.capitalize() }} {{ \"it's aB\".title() }}",
       "AB ab Abc It'S Ab"},
      {"{{ 'hello'.replace('l', 'L', 1) }} {{ ''.replace('', 'x') }} {{ 'héllo'.find('l') }} "
       "{{ 'a'.find('z') }} {{ 'hello'.count('l') }} {{ ', '.join(['a', 'b']) }}",
       "heLlo x 2 -1 2 a, b"},
      {"{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ '12'.isdigit() }} "
       "{{ ''.isdigit() }} {{ ' '.isspace() }} {{ 'A1'.isupper() }}",
       "bc ab True False True True"},
  });
  expect_errors({
      {"{{ 'a'.startswith(1) }}", "startswith first arg must be str or a tuple of str, not int"},
      {"{{ ', '.join([1]) }}", "sequence item 0: expected str instance, int found"},
  });
}

TEST(TemplateMethod, Containers) {
  expect_rendered({
      {"{% set d = {'b': 1, 'a': 2} %}{{ d.keys() | list }} {{ d.values() | list }} "
       "{{ d.items() | list }} {{ d.get('b') }} {{ d.get('z') }} {{ d.get('z', 5) }}",
       "['b', 'a'] [1, 2] [('b', 1), ('a', 2)] 1 None 5"},
      {"{{ [3, 1].index(1) }} {{ [1, 1].count(1) }} {{ (1, 2).index(2) }}", "1 2 1"},
  });
  expect_errors({
      {"{{ [].pop() }}", "pop from empty list"},
      {"{{ [1].pop(5) }}", "pop index out of range"},
      {"{{ [1].index(2) }}", "the value is not in the list"},
      {"{{ (1,).append(2) }}", "'tuple object' has no attribute 'append'"},
  });
}

TEST(TemplateMethod, LargeDictsFindTheirKeysToo) {
  std::string text = "{% set d = {";
  for (int i = 0; i < 50; ++i) text += std::to_string(i) + ": 'v" + std::to_string(i) + "', ";
  text += "'k': none} %}{{ d[49] }} {{ d[7.0] }} {{ d[true] }} {{ 'k' in d }} {{ d[99] }}|";
  EXPECT_EQ(rendered(text), "v49 v7 v1 True |");
}

}  // namespace
}  // namespace wattle::engine
