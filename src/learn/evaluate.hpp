#pragma once
// How good a model is at every exit layer: greedy answers to a prompt suite, run by the engine.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/model.hpp"

namespace wattle::learn {

struct SuiteCase {
  std::string id;
  std::string text;
  std::string status, sensor, cause;  // what the answer must contain
};
// Lines as suite_jsonl() writes them; `source` names the file in errors.
[[nodiscard]] Result<std::vector<SuiteCase>> parse_cases(std::string_view jsonl,
                                                         const std::string& source);

struct LayerScore {
  std::uint32_t layer = 0;     // exit after this layer, counted from 1
  double status = 0.0;         // share of answers with the right status
  double sensor_cause = 0.0;   // … with the right sensor and cause
  double entropy_nats = 0.0;   // mean over the answers' tokens
  double answer_tokens = 0.0;  // mean length
};

// ASCII letters are compared without case.
[[nodiscard]] bool contains_text(std::string_view answer, std::string_view expected);

// One score for each of `layers`. `on_progress(done, total)` may be empty; returning false cancels.
[[nodiscard]] Result<std::vector<LayerScore>> evaluate(
    std::shared_ptr<const engine::Model> model, std::span<const SuiteCase> cases,
    std::span<const std::uint32_t> layers,
    const std::function<bool(std::size_t, std::size_t)>& on_progress = {});

}  // namespace wattle::learn
