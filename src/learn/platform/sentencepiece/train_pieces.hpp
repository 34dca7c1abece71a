#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wattle::learn {

// BPE pieces of `lines` in merge order, single characters last; no control or byte tokens. Same
// lines, same pieces.
[[nodiscard]] Result<std::vector<std::string>> train_pieces(std::span<const std::string> lines,
                                                            int n_pieces);

}  // namespace wattle::learn
