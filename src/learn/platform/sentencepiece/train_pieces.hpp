#pragma once
// SentencePiece's trainer, run as a program: its library carries a protobuf of its own, which
// cannot live in one process with libtorch's.

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wattle::learn {

// BPE pieces of `lines` in merge order, single characters last; no control or byte tokens. Same
// lines, same pieces. Errors: unavailable if `program` is not installed.
[[nodiscard]] Result<std::vector<std::string>> train_pieces(
    std::span<const std::string> lines, int n_pieces, const std::string& program = "spm_train");

}  // namespace wattle::learn
