#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "learn/train.hpp"

namespace wattle::learn {

// learn::train() in a program that is itself linked with libtorch.
[[nodiscard]] Result<TrainReport> train_here(const TrainOptions& options, const Clock& clock);

}  // namespace wattle::learn
