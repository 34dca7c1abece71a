#include "learn/platform/torch/network.hpp"

#include <fmt/format.h>

#include <cmath>

#include "learn/platform/torch/kernels.hpp"
#include "learn/telemetry/example.hpp"

namespace wattle::learn {
using torch::Tensor;

Network::Network(const ModelShape& shape, std::uint64_t seed) : shape_(shape) {
  auto generator = at::detail::createCPUGenerator(seed);
  const auto add = [&](const std::string& name, Tensor tensor, std::vector<Part> parts = {}) {
    tensor.set_requires_grad(true);
    parameters_.push_back({name, tensor, std::move(parts), true});
    return tensor;
  };
  const auto normal = [&](std::int64_t rows, std::int64_t columns, double deviation) {
    return torch::randn({rows, columns}, generator) * deviation;
  };
  const std::int64_t d = shape.d_model;
  const std::int64_t q = shape.n_heads * shape.head_dim;
  const std::int64_t kv = shape.n_kv_heads * shape.head_dim;
  const double deviation = 1.0 / std::sqrt(static_cast<double>(d));
  embedding_ = add("token_embd", normal(shape.n_vocab, d, 0.5 * deviation));
  for (std::int64_t i = 0; i < shape.n_layers; ++i) {
    const std::string prefix = fmt::format("blk.{}.", i);
    Layer layer;
    layer.attn_norm = add(prefix + "attn_norm", torch::ones({d}));
    layer.qkv = add(prefix + "attn_qkv", normal(q + 2 * kv, d, 0.6 * deviation),
                    {{prefix + "attn_q", q}, {prefix + "attn_k", kv}, {prefix + "attn_v", kv}});
    layer.out = add(prefix + "attn_output", torch::zeros({d, q}), {{prefix + "attn_output", d}});
    layer.ffn_norm = add(prefix + "ffn_norm", torch::ones({d}));
    layer.gate_up = add(prefix + "ffn_gate_up", normal(2 * shape.d_ff, d, 0.6 * deviation),
                        {{prefix + "ffn_gate", shape.d_ff}, {prefix + "ffn_up", shape.d_ff}});
    layer.down =
        add(prefix + "ffn_down", torch::zeros({d, shape.d_ff}), {{prefix + "ffn_down", d}});
    layers_.push_back(layer);
  }
  final_norm_ = add("output_norm", torch::ones({d}));
  findings_ = add("findings", torch::zeros({kFindings, d}));
  parameters_.back().exported = false;
  summary_ = add("summary", torch::zeros({kFindings, d}));
  parameters_.back().exported = false;
  rope_ = rope_table(shape.context, shape.head_dim, shape.rope_base);
}

std::vector<Tensor> Network::forward(const Tensor& tokens, const std::vector<bool>& keep) const {
  const std::int64_t length = tokens.size(1);
  const AttentionShape attention_shape{tokens.size(0), length, shape_.n_heads, shape_.n_kv_heads,
                                       shape_.head_dim};
  std::vector<Tensor> states;
  Tensor x = torch::embedding(embedding_, tokens).view({-1, shape_.d_model});
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    if (keep.empty() || keep[i]) {
      const Tensor qkv = torch::mm(rms_norm(x, layer.attn_norm, shape_.epsilon), layer.qkv.t());
      x = torch::addmm(x, attention(qkv, rope_, attention_shape), layer.out.t());
      const Tensor gate_up =
          torch::mm(rms_norm(x, layer.ffn_norm, shape_.epsilon), layer.gate_up.t());
      x = torch::addmm(x, swiglu(gate_up), layer.down.t());
    }
    states.push_back(x);
  }
  return states;
}

Tensor Network::head(const Tensor& hidden) const {
  return torch::mm(rms_norm(hidden, final_norm_, shape_.epsilon), embedding_.t());
}

Tensor Network::findings_head(const Tensor& hidden) const {
  const Tensor unit = torch::ones({shape_.d_model});
  return torch::mm(rms_norm(hidden, unit, shape_.epsilon), findings_.t());
}

Tensor Network::summary_head(const Tensor& hidden) const {
  const Tensor unit = torch::ones({shape_.d_model});
  return torch::mm(rms_norm(hidden, unit, shape_.epsilon), summary_.t());
}

std::int64_t Network::n_parameters() const {
  std::int64_t n = 0;
  for (const Parameter& parameter : parameters_) {
    if (parameter.exported) n += parameter.tensor.numel();
  }
  return n;
}

}  // namespace wattle::learn
