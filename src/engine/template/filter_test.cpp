// Filters. Expected values are those of Jinja 3.1 with Hugging Face's tojson.
#include "engine/template/test_render.hpp"

namespace wattle::engine {
namespace {

const Json& variables() {
  static const Json json = *parse_json(R"({
    "d": {"b": 1, "a": {"y": "z"}, "C": null}, "l": [3, 1, 2],
    "people": [{"name": "bob", "age": 5, "in": {"k": 1}}, {"name": "Al", "age": 3, "in": {"k": 2}},
               {"name": "cy", "age": 5, "in": {"k": 0}}]})",
                                       "test");
  return json;
}

TEST(TemplateFilter, Text) {
  expect_rendered({
      {"{{ '  a ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 5 | trim }}|{{ none | trim }}",
       "a|a|5|None"},
      {"{{ 'aB' | upper }}{{ 'aB' | lower }}{{ 'hELLO wORLD' | capitalize }}", "ABabHello world"},
      {"{{ 'héllo ß Привет' | upper }} {{ 'ÀÉ Σ' | lower }}", "HÉLLO SS ПРИВЕТ àé σ"},
      {"{{ \"foo-bar it's (baz) [qux]\" | title }}", "Foo-Bar It's (Baz) [Qux]"},
      {"{{ 'hello' | replace('l', 'L') }} {{ 'hello' | replace('l', 'L', 1) }} {{ 5 | replace(5, "
       "6) "
       "}} {{ 'aaa' | replace('aa', 'b') }} {{ 'ab' | replace('', '-') }}",
       "heLLo heLlo 6 ba -a-b-"},
      {"{{ '<a href=\\'x\\'>&\"' | e }} {{ '<' | safe }}",
       "&lt;a href=&#39;x&#39;&gt;&amp;&#34; <"},
      {"{{ none | string }}{{ 1.0 | string }}{{ [1] | string | length }}", "None1.03"},
  });
}

TEST(TemplateFilter, Indent) {
  expect_rendered({
      {"{{ 'a\nb\n\nc' | indent }}", "a\n    b\n\n    c"},
      {"{{ 'a\nb\n' | indent(2, true) }}|", "  a\n  b\n|"},
      {"{{ 'a\n\nb' | indent(2, blank=true) }}", "a\n  \n  b"},
      {"{{ 'a\r\nb' | indent('>>') }}", "a\n>>b"},
      {"{{ '' | indent(2, first=true) }}|", "  |"},
  });
}

TEST(TemplateFilter, Join) {
  expect_rendered(
      {
          {"{{ l | join }} {{ l | join(', ') }} {{ people | join(', ', attribute='name') }}",
           "312 3, 1, 2 bob, Al, cy"},
          {"{{ [1, none, 'a', x] | join('-') }} {{ 'abc' | join('.') }}", "1-None-a- a.b.c"},
      },
      variables());
}

TEST(TemplateFilter, JsonIsHuggingFaces) {
  expect_rendered(
      {
          {"{{ d | tojson }}", R"({"b": 1, "a": {"y": "z"}, "C": null})"},
          {"{{ [1.0, 1e16, true, (1, 2), '<é\\n\\x01\\x7f\\\"/'] | tojson }}",
           "[1.0, 1e+16, true, [1, 2], \"<é\\n\\u0001\x7F\\\"/\"]"},
          {"{{ 'é😀' | tojson(ensure_ascii=true) }}", R"("\u00e9\ud83d\ude00")"},
          {"{{ [1, {'a': []}, {}] | tojson(indent=2) }}",
           "[\n  1,\n  {\n    \"a\": []\n  },\n  {}\n]"},
          {"{{ [1] | tojson(indent='--') }} {{ [1] | tojson(indent=0) }}", "[\n--1\n] [\n1\n]"},
          {"{{ d | tojson(sort_keys=true, separators=(',', ':')) }}",
           R"({"C":null,"a":{"y":"z"},"b":1})"},
          {"{{ {1: 2, true: 3, none: 4, 1.5: 5} | tojson }}", R"({"1": 3, "null": 4, "1.5": 5})"},
          {"{{ 1e999 | tojson }} {{ (1e999 - 1e999) | tojson }}", "Infinity NaN"},
      },
      variables());
  expect_errors({
      {"{{ x | tojson }}", "Object of type Undefined is not JSON serializable"},
      {"{{ range | tojson }}", "Object of type function is not JSON serializable"},
  });
}

TEST(TemplateFilter, NumbersFromText) {
  expect_rendered({
      {"{{ '42' | int }} {{ '42.9' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ -3.9 | int }} "
       "{{ none | int }} {{ ' 1_000 ' | int }} {{ '--5' | int }} {{ '1e3' | int }}",
       "42 42 0 7 -3 0 1000 0 1000"},
      {"{{ '0x1f' | int(base=16) }} {{ '1f' | int(0, 16) }} {{ '101' | int(base=2) }}", "31 31 5"},
      {"{{ '4.5' | float }} {{ 'x' | float }} {{ 3 | float }} {{ none | float(1.5) }} "
       "{{ ' -.5e1 ' | float }} {{ 'inf' | float }} {{ '1__0' | float }}",
       "4.5 0.0 3.0 1.5 -5.0 inf 0.0"},
      {"{{ -5 | abs }} {{ -5.5 | abs }}", "5 5.5"},
  });
}

TEST(TemplateFilter, RoundIsPythonsToEven) {
  expect_rendered({
      {"{{ 42.55 | round }} {{ 42.55 | round(1) }} {{ 42 | round }} {{ 2.5 | round }} "
       "{{ 3.5 | round }} {{ 2.675 | round(2) }}",
       "43.0 42.5 42 2.0 4.0 2.67"},
      {"{{ 1250 | round(-2) }} {{ 1350 | round(-2) }} {{ -1250 | round(-2) }} {{ 5 | round(-400) "
       "}}",
       "1200 1400 -1200 0"},
      {"{{ 42.55 | round(1, 'floor') }} {{ 42.51 | round(0, 'ceil') }}", "42.5 43.0"},
  });
  expect_errors({
      {"{{ 's' | round }}", "type str cannot be rounded"},
      {"{{ 1 | round(method='up') }}", "method must be common, ceil or floor"},
  });
}

TEST(TemplateFilter, PartsOfSequences) {
  expect_rendered(
      {
          {"{{ l | first }} {{ l | last }} [{{ [] | first }}] {{ 'héy' | last }} {{ d | first }}",
           "3 2 [] y b"},
          {"{{ l | length }} {{ d | count }} {{ 'hé' | length }}", "3 3 2"},
          {"{{ 'abc' | list }} {{ d | list }} {{ (1, 2) | list }}",
           "['a', 'b', 'c'] ['b', 'a', 'C'] "
           "[1, 2]"},
          {"{{ l | reverse | list }} {{ 'héy' | reverse }}", "[2, 1, 3] yéh"},
          {"{{ '' | default('x') }}|{{ '' | default('x', true) }}|{{ none | d('x') }}|{{ q | "
           "d('y') }}",
           "|x|None|y"},
          {"{{ d | items | list }}", "[('b', 1), ('a', {'y': 'z'}), ('C', None)]"},
          {"{{ l | sum }} {{ people | sum(attribute='age') }} {{ [[1], [2]] | sum(start=[]) }}",
           "6 13 [1, 2]"},
      },
      variables());
  expect_errors({
      {"{{ ([] | first).x }}", "No first item, sequence was empty."},
      {"{{ none | items }}", "Can only get item pairs from a mapping."},
      {"{{ 5 | length }}", "object of type 'int' has no len()"},
      {"{{ none | list }}", "'NoneType' object is not iterable"},
  });
}

TEST(TemplateFilter, Order) {
  expect_rendered(
      {
          {"{{ l | sort }} {{ l | sort(reverse=true) }} {{ ['b', 'A', 'c'] | sort }} "
           "{{ ['b', 'A', 'c'] | sort(case_sensitive=true) }} {{ ['b', 'A'] | sort(true) }}",
           "[1, 2, 3] [3, 2, 1] ['A', 'b', 'c'] ['A', 'b', 'c'] ['b', 'A']"},
          {"{{ people | sort(attribute='age,name') | map(attribute='name') | join(' ') }}",
           "Al bob cy"},
          {"{{ people | sort(true, attribute='age') | map(attribute='name') | join(' ') }}",
           "bob cy Al"},  // equals keep their order
          {"{{ d | dictsort | map('first') | join }} {{ d | dictsort(true) | map('first') | join "
           "}} "
           "{{ {'b': 1, 'a': 2} | dictsort(by='value') }}",
           "abC Cab [('b', 1), ('a', 2)]"},
          {"{{ ['a', 'A', 'b', 'a'] | unique | list }} {{ ['a', 'A'] | unique(true) | list }} "
           "{{ [1, 1.0, true, 2] | unique | list }}",
           "['a', 'b'] ['a', 'A'] [1, 2]"},
          {"{{ l | min }} {{ l | max }} {{ ['b', 'A'] | min }} [{{ [] | max }}] "
           "{{ (people | max(attribute='age')).name }}",
           "1 3 A [] bob"},
      },
      variables());
  expect_errors({
      {"{{ [1, 'a'] | sort }}", "'<' not supported between instances of 'str' and 'int'"},
      {"{{ [[1]] | unique }}", "unhashable type: 'list'"},
  });
}

TEST(TemplateFilter, MapAndSelect) {
  expect_rendered(
      {
          {"{{ people | map(attribute='in.k') | list }} {{ [[1, 2]] | map(attribute=0) | list }} "
           "{{ people | map(attribute='zz', default='q') | join }}",
           "[1, 2, 0] [1] qqq"},
          {"{{ ['a b'] | map('replace', 'a', 'c') | list }} {{ l | map('string') | list }} "
           "{{ none | map('upper') | list }}",
           "['c b'] ['3', '1', '2'] []"},
          {"{{ l | select('odd') | list }} {{ l | reject('gt', 1) | list }} {{ [0, '', 1] | select "
           "| "
           "list }}",
           "[3, 1] [1] [1]"},
          {"{{ people | selectattr('age', 'equalto', 5) | map(attribute='name') | join(' ') }} "
           "{{ people | rejectattr('in.k') | map(attribute='name') | join }} "
           "{{ people | selectattr('name', 'in', ['Al']) | list | length }}",
           "bob cy cy 1"},
      },
      variables());
  expect_errors({
      {"{{ [1] | map('nofilter') }}", "no filter is named 'nofilter'"},
      {"{{ [1] | select('notest') }}", "no test is named 'notest'"},
      {"{{ [1] | selectattr }}", "selectattr() needs the name of an attribute"},
  });
}

TEST(TemplateFilter, WrongArgumentsAreNamed) {
  expect_errors({
      {"{{ 'a' | upper(1) }}", "upper() takes at most 0 arguments (1 given)"},
      {"{{ 'a' | trim(x=1) }}", "trim() got an unexpected keyword argument 'x'"},
      {"{{ 'a' | replace('a') }}", "replace() needs the argument 'new'"},
      {"{{ 'a' | replace('a', old='b') }}", "replace() got multiple values for argument 'old'"},
      {"{{ 'a' | indent('x', width=1) }}", "indent() got multiple values for argument 'width'"},
  });
}

}  // namespace
}  // namespace wattle::engine
