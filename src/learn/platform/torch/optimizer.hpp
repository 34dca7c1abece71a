#pragma once
// Muon (Jordan et al., 2024) for the matrices of the layers: momentum whose singular values are all
// made about 1 by a Newton–Schulz iteration. Adam (Kingma & Ba, 2015) for embedding and norms.

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "learn/platform/torch/network.hpp"

namespace wattle::learn {

struct OptimizerOptions {
  double muon_rate = 0.02;
  double muon_momentum = 0.95;
  double adam_rate = 3e-3;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double weight_decay = 0.01;  // of matrices, times the rate
};

class Optimizer {
 public:
  Optimizer(Network& network, const OptimizerOptions& options);
  // One update from the gradients, at `scale` times the rates; then the gradients are cleared.
  // A parameter without a gradient (its layer was dropped) stays as it is.
  void step(double scale);
  // Everything that changes, by name; tensors are shared, so copying into them restores.
  [[nodiscard]] std::vector<std::pair<std::string, torch::Tensor>> state() const;

 private:
  void muon(Network::Parameter& parameter, torch::Tensor& momentum, double scale);
  Network& network_;
  OptimizerOptions options_;
  torch::Tensor adam_steps_;           // [n_parameters] updates so far
  std::vector<torch::Tensor> first_;   // momentum
  std::vector<torch::Tensor> second_;  // Adam only; undefined for Muon
};

}  // namespace wattle::learn
