#pragma once
// Runs what a plan asks for and the store does not have yet: trial by trial, the configurations in
// shuffled order, each in one energy window. Ctrl-C ends it after the present answer.

#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"
#include "engine/generate.hpp"
#include "lab/plan.hpp"
#include "lab/store.hpp"
#include "meter/measure.hpp"

namespace wattle::lab {

// Loads a model file and gives an empty session on it.
using OpenSession = std::function<Result<std::unique_ptr<engine::Session>>(const ModelVariant&)>;

struct RunnerParts {
  Store& store;
  meter::Meter& meter;
  Clock& clock;
  OpenSession open_session;
  Json machine;  // for the record of the session
  Progress::Style progress = Progress::Style::automatic;
};

struct RunOutcome {
  bool interrupted = false;
  std::size_t n_blocks_run = 0;
  std::size_t n_trials_before = 0;  // finished by earlier sessions
  std::size_t n_trials_planned = 0;
};

// Everything finished is in the store, also when this returns an error.
[[nodiscard]] Result<RunOutcome> run_plan(const Plan& plan, RunnerParts parts);

// The engine itself, as run_plan wants it.
[[nodiscard]] OpenSession engine_sessions(const Manifest& manifest);

}  // namespace wattle::lab
