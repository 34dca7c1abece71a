// Literals, operators, access and printing. Expected values are those of Jinja 3.1 on Python 3.
#include "engine/template/test_render.hpp"

namespace wattle::engine {
namespace {

const Json& variables() {
  static const Json json = *parse_json(R"({
    "s": "Hello", "n": 3, "f": 2.5, "nul": null, "l": [3, 1, 2], "d": {"b": 1, "a": {"x": [7, 8]}},
    "u": "h\u00e9llo", "messages": [{"role": "user", "content": "Hi"}]})",
                                       "test");
  return json;
}

TEST(TemplateExpression, Literals) {
  expect_rendered({
      {"{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 2E-2 }}",
       "1000 31 5 15 1500.0 0.02"},
      {R"({{ 'a\nb' }}|{{ 'a\\b' }}|{{ 'a\'b' }}|{{ "\x41\u00e9\101\U0001F600" }}|{{ 'a\qb' }})",
       "a\nb|a\\b|a'b|Aé"
       "A😀|a\\qb"},
      {"{{ \"a\" 'b' \"c\" }}", "abc"},
      {"{{ true }} {{ False }} {{ none }} {{ None }}", "True False None None"},
      {"{{ [1, 'a',] }} {{ (1,) }} {{ () }} {{ (1) }} {{ 1, 2 }} {{ {'a': 1,} }} {{ {} }}",
       "[1, 'a'] (1,) () 1 (1, 2) {'a': 1} {}"},
      {"{{ {1: 'x', 1.0: 'y', true: 'z'} }}", "{1: 'z'}"},
  });
}

TEST(TemplateExpression, NumbersPrintAsPythons) {
  expect_rendered({
      {"{{ 1e15 }} {{ 1e16 }} {{ 0.0001 }} {{ 1e-5 }} {{ 100.0 }} {{ -0.0 }} {{ 1e100 }}",
       "1000000000000000.0 1e+16 0.0001 1e-05 100.0 -0.0 1e+100"},
      {"{{ 0.1 + 0.2 }} {{ 1 / 3 }} {{ 123456789.125 }} {{ 1e308 * 10 }} {{ -1e308 * 10 }}",
       "0.30000000000000004 0.3333333333333333 123456789.125 inf -inf"},
  });
}

TEST(TemplateExpression, ArithmeticIsPythons) {
  expect_rendered({
      {"{{ 1 + 2 * 3 - 4 / 2 }}", "5.0"},
      {"{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}", "3 -4 1 2 -2"},
      {"{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ 5 // 2.0 }}", "3.0 0.5 -0.5 2.0"},
      {"{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ 2.0 ** 0.5 }} {{ 0 ** 0 }}",
       "1024 0.5 64 1.4142135623730951 1"},
      {"{{ -2 ** 2 }} {{ -2|abs }} {{ - -3 }} {{ +3 }}", "4 2 3 3"},
      {"{{ true + true }} {{ -true }} {{ true * 3 }}", "2 -1 3"},
      {"{{ 'ab' * 3 }} {{ 2 * [1] }} {{ 'a' * -1 }}|{{ [1] + [2] }} {{ (1,) + (2,) }}",
       "ababab [1, 1] |[1, 2] (1, 2)"},
      {"{{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }}",
       "9223372036854775807 -9223372036854775808"},
  });
}

TEST(TemplateExpression, PrecedenceIsJinjas) {
  expect_rendered(
      {
          {"{{ 'a' ~ 1 ~ none ~ true ~ 2.0 ~ nothing ~ [1, 'a'] }}", "a1NoneTrue2.0[1, 'a']"},
          {"{{ 'x' + ' a ' | trim + 'y' }}", "xay"},
          {"{{ 'a' + 'b' ~ 'c' }} {{ l | length - 1 }} {{ l | length > 2 }}", "abc 2 True"},
          {"{{ not 1 in [2] }} {{ not s is string }} {{ 1 if false else 2 if true else 3 }}",
           "True False 2"},
          {"{{ 0 or '' }}|{{ 1 and 2 }}|{{ '' or none }}|{{ 1 or 2 and 0 }}", "|2|None|1"},
          {"[{{ 1 if false }}]", "[]"},
      },
      variables());
}

TEST(TemplateExpression, Comparisons) {
  expect_rendered(
      {
          {"{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' != 1 }}",
           "True False True True True"},
          {"{{ [1, 2] < [1, 3] }} {{ [1] < [1, 0] }} {{ 'abc' < 'abd' }} {{ 'é' > 'z' }}",
           "True True True True"},
          {"{{ (1, 2) == (1, 2) }} {{ (1, 2) == [1, 2] }} {{ {'a': [1]} == {'a': [1.0]} }}",
           "True False True"},
          {"{{ 'el' in s }} {{ 1 in l }} {{ 'b' in d }} {{ 'z' not in d }} {{ '' in 'a' }}",
           "True True True True True"},
          {"{{ 9007199254740993 == 9007199254740992 }} {{ 9007199254740993 > 9007199254740992 }}",
           "False True"},
      },
      variables());
}

TEST(TemplateExpression, ElementsAndSlicesCountCharacters) {
  expect_rendered(
      {
          {"{{ s[0] }} {{ s[-1] }} {{ s[1:4] }} {{ s[::-1] }} {{ s[::2] }} {{ s[5:2] }}|{{ "
           "s[-99:2] }}",
           "H o ell olleH Hlo |He"},
          {"{{ u[1] }} {{ u[1:3] }} {{ u[::-1] }} {{ u | length }}", "é él olléh 5"},
          {"{{ l[::-1] }} {{ l[1:] }} {{ l[-2:] }} {{ l[2:0:-1] }} {{ l[:99] }} {{ (1, 2, 3)[1:] "
           "}}",
           "[2, 1, 3] [1, 2] [1, 2] [2, 1] [3, 1, 2] (2, 3)"},
          {"{{ d.a.x[1] }} {{ d['a']['x'].0 }} {{ messages[0]['role'] }} {{ messages[-1].content "
           "}}",
           "8 7 user Hi"},
          {"{{ l[true] }} {{ l[9] }}|{{ s['x'] }}|{{ n.foo }}|{{ nul.x }}", "1 |||"},
      },
      variables());
}

TEST(TemplateExpression, MembersComeBeforeKeysWithADotAndAfterThemInBrackets) {
  const Json clash{{"d", {{"items", "mine"}}}};
  expect_rendered({{"{{ d['items'] }} {{ d.items() }}", "mine [('items', 'mine')]"}}, clash);
}

TEST(TemplateExpression, ValuesInValuesPrintAsPythonWritesThem) {
  expect_rendered({
      {"{{ [1, 'a', none, true, 2.5, {'k': 'v'}, (1,), nothing] }}",
       "[1, 'a', None, True, 2.5, {'k': 'v'}, (1,), Undefined]"},
      {R"({{ ["a'b", 'a"b', "a'\"b", "tab\t", "é", "\x01\x7f\xa0", "日本", "\u2028", "\\"] }})",
       R"(["a'b", 'a"b', 'a\'"b', 'tab\t', 'é', '\x01\x7f\xa0', '日本', '\u2028', '\\'])"},
  });
}

TEST(TemplateExpression, UndefinedIsNothingUntilItIsUsed) {
  expect_rendered({
      {"[{{ x }}] {{ x == y }} {{ x == none }} {{ x | length }} {{ x | list }} {{ 'a' in x }}",
       "[] True False 0 [] False"},
      {"{{ not x }} {{ x and 1 }}|{{ x or 1 }} {{ x | default('d') }} {{ x | upper }}",
       "True |1 d "},
      {"{% for i in x %}a{% else %}none{% endfor %}", "none"},
  });
  expect_errors({
      {"{{ x.y }}", "'x' is undefined"},
      {"{{ x['y'] }}", "'x' is undefined"},
      {"{{ x() }}", "'x' is undefined"},
      {"{{ x + 1 }}", "'x' is undefined"},
      {"{{ 'a' + x }}", "'x' is undefined"},
      {"{{ x < 1 }}", "'x' is undefined"},
      {"{{ -x }}", "'x' is undefined"},
      {"{{ x[1:] }}", "'x' is undefined"},
      {"{{ {}.a.b }}", "'dict object' has no attribute 'a'"},
      {"{{ [1][3].b }}", "list object has no element 3"},
      {"{{ none.a.b }}", "'None' has no attribute 'a'"},
      {"{{ 'a'.nomethod() }}", "'str object' has no attribute 'nomethod'"},
      {"{{ (1 if false).x }}",
       "the inline if-expression on line 1 evaluated to false and no else section was defined."},
  });
}

TEST(TemplateExpression, WhatPythonRefusesIsAnError) {
  expect_errors({
      {"{{ 'a' + 1 }}", "can only concatenate str (not \"int\") to str"},
      {"{{ 1 + 'a' }}", "unsupported operand type(s) for +: 'int' and 'str'"},
      {"{{ none + 1 }}", "unsupported operand type(s) for +: 'NoneType' and 'int'"},
      {"{{ 'a' < 1 }}", "'<' not supported between instances of 'str' and 'int'"},
      {"{{ 1 in 'abc' }}", "'in <string>' requires string as left operand, not int"},
      {"{{ 1 in none }}", "argument of type 'NoneType' is not iterable"},
      {"{{ 1 / 0 }}", "division by zero"},
      {"{{ 1.0 % 0 }}", "division by zero"},
      {"{{ {[1]: 2} }}", "unhashable type: 'list'"},
      {"{{ 'a'() }}", "'str' object is not callable"},
      {"{{ none[1:] }}", "'NoneType' object cannot be sliced"},
      {"{{ [1][::0] }}", "slice step cannot be zero"},
      {"{{ -'a' }}", "bad operand type for unary -: 'str'"},
  });
}

TEST(TemplateExpression, IntegersBeyond64BitsAreRefusedNotWrapped) {
  const std::string too_large = "an integer that does not fit into 64 bits";
  expect_errors({
      {"{{ 9223372036854775807 + 1 }}", too_large},
      {"{{ -9223372036854775807 - 2 }}", too_large},
      {"{{ 9223372036854775807 * 2 }}", too_large},
      {"{{ 10 ** 19 }}", too_large},
      {"{{ 3 ** 1000000000 }}", too_large},
      {"{{ (-9223372036854775807 - 1) // -1 }}", too_large},
      {"{{ (-9223372036854775807 - 1)|abs }}", too_large},
      {"{{ 1e22|int }}", too_large},
      {"{{ 9223372036854775808 }}", "the integer 9223372036854775808 has more than 64 bits"},
  });
  expect_rendered({{"{{ big }}", "1.8446744073709552e+19"}},
                  Json{{"big", 18446744073709551615ULL}});
}

}  // namespace
}  // namespace wattle::engine
