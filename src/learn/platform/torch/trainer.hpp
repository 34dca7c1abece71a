#pragma once
// One training run in memory: network, optimiser, data and step number. Everything random follows
// from (seed, step), so a run continued from a checkpoint equals an unbroken one bit for bit.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "learn/batches.hpp"
#include "learn/platform/torch/checkpoint.hpp"
#include "learn/platform/torch/network.hpp"
#include "learn/platform/torch/optimizer.hpp"
#include "learn/train.hpp"

namespace wattle::learn {

class Trainer {
 public:
  // `pieces`: the SentencePiece pieces; they decide shape.n_vocab.
  Trainer(const TrainOptions& options, std::vector<std::string> pieces);
  // The run saved in `options.checkpoint`. Its seed, shape, data and losses must be those of
  // `options`; steps and rates may differ, so that a run can be made longer.
  static Result<std::unique_ptr<Trainer>> resume(const TrainOptions& options);

  // One update; the loss at full depth in nats per answer token.
  double step();
  [[nodiscard]] std::int64_t steps_done() const { return step_; }
  [[nodiscard]] std::vector<ExitQuality> evaluate(int n_batches);
  [[nodiscard]] Status save() const;

  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }
  [[nodiscard]] NamedTensors tensors() const;

 private:
  [[nodiscard]] double rate_scale() const;
  [[nodiscard]] std::vector<bool> layers_to_keep() const;
  [[nodiscard]] Json header() const;
  TrainOptions options_;
  std::vector<std::string> pieces_;
  Vocabulary vocabulary_;
  Network network_;
  Optimizer optimizer_;
  BatchSource data_;
  BatchSource held_out_;
  std::int64_t step_ = 0;
};

// Weight of the loss at exit `layer` (0-based) against the others, before normalising: LayerSkip
// (Elhoushi et al., 2024), section 4.1.2.
[[nodiscard]] double exit_weight(int layer, int n_layers, double scale);
// Chance that layer `layer` (0-based) is left out of one step: grows exponentially, section 4.1.1.
[[nodiscard]] double dropout_chance(int layer, int n_layers, double largest);

}  // namespace wattle::learn
