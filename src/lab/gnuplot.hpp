#pragma once
// Draws with gnuplot as a subprocess. The renderer is an argument wherever figures are made, so
// that tests and machines without gnuplot go without it.

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wattle::lab {

// A gnuplot script without `set output`; gives what it would have written (an SVG document).
using Renderer = std::function<Result<std::string>(const std::string& script)>;

// The program "gnuplot" of the PATH, in a temporary folder, for at most 30 seconds.
[[nodiscard]] Renderer gnuplot_renderer();

// Text as a gnuplot string in single quotes. Control characters and backquotes become spaces:
// gnuplot would run what stands between backquotes.
[[nodiscard]] std::string gnuplot_quote(std::string_view text);

}  // namespace wattle::lab
