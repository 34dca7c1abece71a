#include "learn/platform/torch/optimizer.hpp"

#include <algorithm>
#include <cmath>

namespace wattle::learn {
using torch::Tensor;

namespace {
// Five steps of the quintic iteration of Jordan et al.; matrix: [rows, columns].
Tensor orthogonalize(const Tensor& matrix) {
  constexpr double a = 3.4445;
  constexpr double b = -4.7750;
  constexpr double c = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  Tensor x = (tall ? matrix.t() : matrix).contiguous();
  x = x / (x.norm() + 1e-7);
  for (int i = 0; i < 5; ++i) {
    const Tensor gram = torch::mm(x, x.t());
    const Tensor polynomial = torch::addmm(gram, gram, gram, b, c);
    x = torch::addmm(x, polynomial, x, a, 1.0);
  }
  return tall ? x.t() : x;
}
}  // namespace

Optimizer::Optimizer(Network& network, const OptimizerOptions& options)
    : network_(network), options_(options) {
  const auto& parameters = network.parameters();
  adam_steps_ = torch::zeros({static_cast<std::int64_t>(parameters.size())});
  for (const auto& parameter : parameters) {
    first_.push_back(torch::zeros_like(parameter.tensor).detach());
    second_.push_back(parameter.parts.empty() ? torch::zeros_like(parameter.tensor).detach()
                                              : Tensor());
  }
}

void Optimizer::muon(Network::Parameter& parameter, Tensor& momentum, double scale) {
  const Tensor& gradient = parameter.tensor.grad();
  momentum.mul_(options_.muon_momentum).add_(gradient);
  const Tensor direction = gradient.add(momentum, options_.muon_momentum);
  const double rate = options_.muon_rate * scale;
  parameter.tensor.mul_(1.0 - rate * options_.weight_decay);
  std::int64_t row = 0;
  for (const auto& [name, rows] : parameter.parts) {
    const Tensor update = orthogonalize(direction.narrow(0, row, rows));
    const double shape_scale = std::sqrt(
        std::max(1.0, static_cast<double>(rows) / static_cast<double>(direction.size(1))));
    parameter.tensor.narrow(0, row, rows).add_(update, -rate * shape_scale);
    row += rows;
  }
}

void Optimizer::step(double scale) {
  const torch::NoGradGuard no_grad;
  auto& parameters = network_.parameters();
  float* steps = adam_steps_.data_ptr<float>();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto& parameter = parameters[i];
    if (!parameter.tensor.grad().defined()) continue;
    if (!parameter.parts.empty()) {
      muon(parameter, first_[i], scale);
    } else {
      const Tensor& gradient = parameter.tensor.grad();
      const double count = static_cast<double>(steps[i] += 1.0F);
      first_[i].mul_(options_.adam_beta1).add_(gradient, 1.0 - options_.adam_beta1);
      second_[i].mul_(options_.adam_beta2).addcmul_(gradient, gradient, 1.0 - options_.adam_beta2);
      const double correction1 = 1.0 - std::pow(options_.adam_beta1, count);
      const double correction2 = 1.0 - std::pow(options_.adam_beta2, count);
      const Tensor root = (second_[i] / correction2).sqrt_().add_(1e-8);
      parameter.tensor.addcdiv_(first_[i], root, -options_.adam_rate * scale / correction1);
    }
    parameter.tensor.mutable_grad() = Tensor();
  }
}

std::vector<std::pair<std::string, Tensor>> Optimizer::state() const {
  std::vector<std::pair<std::string, Tensor>> out{{"adam_steps", adam_steps_}};
  const auto& parameters = network_.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    out.emplace_back(parameters[i].name + ".first", first_[i]);
    if (second_[i].defined()) out.emplace_back(parameters[i].name + ".second", second_[i]);
  }
  return out;
}

}  // namespace wattle::learn
