// White space around tags, as Jinja treats it with trim_blocks and lstrip_blocks. Expected values
// are those of Jinja 3.1.
#include "engine/template/test_render.hpp"

namespace wattle::engine {
namespace {

TEST(TemplateWhiteSpace, BlocksTakeTheirIndentationAndOneLineBreak) {
  expect_rendered({
      {"  {% if true %}  \n  a\n  {% endif %}  \n b\n", "  \n  a\n  \n b"},
      {"{% if true %}\n\nx{% endif %}", "\nx"},
      {"a {% if true %} b\n   {% endif %} c", "a  b\n c"},
      {" \t{% if true %}\n\t a {% endif %}\n", "\t a "},
      {"{% set x = 1 %}\n\n{% set y = 2 %}\n{{ x }}{{ y }}\n", "\n12"},
      {"{% for i in range(2) %}\n{{ i }}\n{% else %}\nnone\n{% endfor %}\nx", "0\n1\nx"},
  });
}

TEST(TemplateWhiteSpace, CommentsAreBlocksInThis) {
  expect_rendered({
      {"{# multi\nline #}\nafter\n", "after"},
      {"a\n  {# c #}\n  b", "a\n  b"},
      {"a\n  {# c #} x\n  b", "a\n x\n  b"},
      {"  {#+ keep #}a", "  a"},
      {"x {#- c -#}  y {# d #} z", "xy  z"},
      {"{#-#} a", " a"},
      {"{# a -#}  b", "b"},
  });
}

TEST(TemplateWhiteSpace, PrintedValuesKeepWhatIsAroundThem) {
  expect_rendered({
      {"a\n  {{ 1 }}\n  b", "a\n  1\n  b"},
      {"{{ 1 }}\n\n{{ 2 }}\n", "1\n\n2"},
      {"a  {{- 1 -}}  \n b", "a1b"},
      {"{{ 1 }}  {% if true %}\nx{% endif %}\n", "1  x"},
  });
}

TEST(TemplateWhiteSpace, MinusStripsAndPlusKeeps) {
  expect_rendered({
      {"{%- if true -%}  a  {%- else -%} b {%- endif -%}", "a"},
      {"  {%+ if true %}b{% endif +%}\nc\n", "  b\nc"},
      {"a\n\n {%- if true -%}\n\n b {% endif %}", "ab "},
      {"\xC2\xA0\xE3\x80\x80{%- if true %}a{% endif %}", "a"},  // other white space too
  });
}

TEST(TemplateWhiteSpace, LineBreaksAreOneKindAndTheLastIsDropped) {
  expect_rendered({
      {"{% if true %}\r\nx\r\n{% endif %}\r\ny\r", "x\ny"},
      {"\n\n", "\n"},
      {"\n", ""},
      {"", ""},
  });
}

TEST(TemplateWhiteSpace, RawTextIsNotLookedAt) {
  expect_rendered({
      {"{% raw %}{{ not }} {% evaluated %}{% endraw %}", "{{ not }} {% evaluated %}"},
      {"{%- raw -%}  x {{ y }}  {%- endraw -%}  z", "x {{ y }}z"},
      {"  {% raw %}\n x\n  {% endraw %}\ny\n", "\n x\ny"},
      {"{%raw%}a{%endraw%}", "a"},
  });
}

TEST(TemplateWhiteSpace, BracesThatAreNoTagsAreText) {
  expect_rendered({
      {"a { b } {{'{{'}} {{ '}}' }} {{ '%}' }}", "a { b } {{ }} %}"},
      {"{{ {'a':{'b':1}} }}", "{'a': {'b': 1}}"},
      {"{", "{"},
      {"}} %} #}", "}} %} #}"},
      {"{{'a'}}}", "a}"},
  });
}

}  // namespace
}  // namespace wattle::engine
