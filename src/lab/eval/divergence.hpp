#pragma once
// How far a model's next-token distributions are from a reference's, token by token.
// Formulas and their sources: docs/evaluation.md.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/model.hpp"
#include "lab/eval/perplexity.hpp"
#include "lab/eval/reference_logits.hpp"
#include "lab/eval/windows.hpp"
#include "lab/statistics.hpp"

namespace wattle::lab {

struct LayerDivergence {
  std::uint32_t layer = 0;  // of the model
  TokenMean kl;             // KL(reference ‖ model), nats a token
  double kl_median = 0.0, kl_p90 = 0.0, kl_p99 = 0.0, kl_max = 0.0;
  std::size_t n_same_top = 0;  // tokens for which both find the same one most probable
  double same_top = 0.0;       // their share
  std::optional<Interval> same_top_95;
  TokenMean perplexity;
  // Paired over tokens: the errors are those of the difference, not of two independent figures.
  TokenMean delta_nll;         // model − reference, nats a token
  TokenMean delta_perplexity;  // model − reference
  double rms_delta_p = 0.0;    // of the probability of the token that follows
};

struct DivergenceReport {
  std::string reference;  // name of the model
  TokenMean reference_perplexity;
  std::vector<LayerDivergence> layers;
  std::size_t n_windows = 0;
  std::size_t n_windows_planned = 0;
  std::size_t n_tokens = 0;
  [[nodiscard]] bool partial() const { return n_windows < n_windows_planned; }
};

// Where the reference's distributions come from: another model, a file, or (neither) the model's
// own full depth.
struct Reference {
  std::shared_ptr<const engine::Model> model;
  const ReferenceLogits* file = nullptr;
};

// `save_logits` (may be empty): the reference's distributions are written there; nothing is written
// if the evaluation does not reach the end. With a file as reference, `windows` are the file's.
// Errors: vocabularies that differ, those of measure_perplexity() and of writing the file.
[[nodiscard]] Result<DivergenceReport> measure_divergence(
    std::shared_ptr<const engine::Model> model, const Reference& reference,
    std::span<const Window> windows, const EvalOptions& options,
    const std::filesystem::path& save_logits = {});

}  // namespace wattle::lab
