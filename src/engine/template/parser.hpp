#pragma once
// A template's text as a tree.

#include <memory>
#include <string_view>

#include "engine/template/ast.hpp"
#include "engine/template/lexer.hpp"

namespace wattle::engine::jinja {

// Takes time and memory in proportion to the text. Blocks and brackets may be nested 100 deep.
[[nodiscard]] Parsed<std::unique_ptr<const Tree>> parse_template(std::string_view text);

}  // namespace wattle::engine::jinja
