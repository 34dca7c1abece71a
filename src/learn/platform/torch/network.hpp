#pragma once
// The network being trained: weights and the forward pass. One final norm and one output head (the
// transposed embedding) serve every exit.

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "learn/model_shape.hpp"

namespace wattle::learn {

class Network {
 public:
  // Weights from `seed`; output projections of both branches start at zero.
  Network(const ModelShape& shape, std::uint64_t seed);

  // tokens: [b, t] → the hidden state after each layer, n_layers tensors of [b·t, d]. Layers whose
  // `keep` is false are skipped (layer dropout); an empty `keep` runs all of them.
  [[nodiscard]] std::vector<torch::Tensor> forward(const torch::Tensor& tokens,
                                                   const std::vector<bool>& keep = {}) const;
  // hidden: [n, d] → logits [n, n_vocab]
  [[nodiscard]] torch::Tensor head(const torch::Tensor& hidden) const;

  // hidden: [n, d] → [n, kFindings]: what a sensor says (Example::Finding). Used in training only,
  // not exported.
  [[nodiscard]] torch::Tensor findings_head(const torch::Tensor& hidden) const;
  // hidden: [n, d] → [n, kSensors·kSensorStates] (Example::summary); likewise.
  [[nodiscard]] torch::Tensor summary_head(const torch::Tensor& hidden) const;

  struct Part {
    std::string name;  // "blk.3.attn_k"
    std::int64_t rows;
  };
  struct Parameter {
    std::string name;
    torch::Tensor tensor;
    // The matrices stacked in it (q, k and v are one product); empty: not a matrix of a layer.
    std::vector<Part> parts;
    bool exported = true;
  };
  [[nodiscard]] std::vector<Parameter>& parameters() { return parameters_; }
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  [[nodiscard]] const ModelShape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t n_parameters() const;

 private:
  struct Layer {
    torch::Tensor attn_norm;  // [d]
    torch::Tensor qkv;        // [(heads + 2·kv)·head_dim, d]
    torch::Tensor out;        // [d, heads·head_dim]
    torch::Tensor ffn_norm;   // [d]
    torch::Tensor gate_up;    // [2·ff, d]
    torch::Tensor down;       // [d, ff]
  };
  ModelShape shape_;
  torch::Tensor embedding_;   // [vocab, d]
  torch::Tensor final_norm_;  // [d]
  torch::Tensor findings_;    // [kFindings, d]
  torch::Tensor summary_;     // [kSensors·kSensorStates, d]
  torch::Tensor rope_;        // [context, head_dim]
  std::vector<Layer> layers_;
  std::vector<Parameter> parameters_;
};

}  // namespace wattle::learn
