#pragma once
// Perplexity of a text, after every exit layer that is asked for, in one pass a window.
// Formulas and their sources: docs/evaluation.md.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "engine/model.hpp"
#include "lab/eval/token_mean.hpp"
#include "lab/eval/windows.hpp"

namespace wattle::lab {

struct LayerPerplexity {
  std::uint32_t layer = 0;  // counted from 1
  TokenMean nll;            // nats a token: −log p(token | tokens before it in the window)
  TokenMean perplexity;     // exp(nll); errors by the delta method
  double bits_per_byte = 0.0;
};

struct PerplexityReport {
  std::vector<LayerPerplexity> layers;  // in the order asked for
  std::size_t n_windows = 0;            // evaluated
  std::size_t n_windows_planned = 0;
  std::size_t n_tokens = 0;   // scored
  std::uint64_t n_bytes = 0;  // of the text of the scored tokens
  // Ctrl-C ended the evaluation early: the figures are of the windows before it.
  [[nodiscard]] bool partial() const { return n_windows < n_windows_planned; }
};

struct EvalOptions {
  std::vector<std::uint32_t> layers;  // 0 or empty: full depth
  // Windows done (and shares of one), windows in all; may be empty.
  std::function<void(double done, double total)> on_progress;
};

// Errors: layers outside the model, windows longer than the model's context; cancelled if not one
// window was evaluated. Results do not depend on the model's threads.
[[nodiscard]] Result<PerplexityReport> measure_perplexity(
    std::shared_ptr<const engine::Model> model, std::span<const Window> windows,
    const EvalOptions& options);

}  // namespace wattle::lab
