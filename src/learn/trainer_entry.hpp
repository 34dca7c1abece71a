#pragma once
// What libwattle_trainer.so offers: one function, found by name when `wattle train` runs. Program
// and library are of one build, so C++ types may cross.

#include "base/clock.hpp"
#include "base/result.hpp"
#include "learn/train.hpp"

namespace wattle::learn {

using TrainerEntry = Result<TrainReport> (*)(const TrainOptions& options, const Clock& clock);
inline constexpr const char* kTrainerEntryName = "wattle_train";

}  // namespace wattle::learn
