#include "engine/forward.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

// Loops over positions shorter than this are not worth other threads.
constexpr std::size_t kSerialPositions = 8;
constexpr std::size_t kMaxQueries = 8;  // heads per attention call

void normalize(const Transformer& model, const float* x, const NormWeights& weights, float* out) {
  const ModelConfig& config = model.config();
  const Kernels& kernels = *model.compute().kernels;
  if (model.architecture().norm == Architecture::Norm::rms) {
    kernels.rms_norm(x, weights.weight.data(), config.norm_epsilon, config.d_model, out);
  } else {
    kernels.layer_norm(x, weights.weight.data(), weights.bias.data(), config.norm_epsilon,
                       config.d_model, out);
  }
}

// One forward pass; holds what all its steps need.
class Pass {
 public:
  Pass(SessionState& session, std::size_t n)
      : session_(session),
        model_(session.transformer()),
        config_(model_.config()),
        compute_(model_.compute()),
        kernels_(*compute_.kernels),
        architecture_(model_.architecture()),
        s_(session.scratch(n)),
        n_(n),
        start_(session.position()) {}

  void embed(std::span<const TokenId> tokens) {
    const Matrix& table = model_.weights().embedding;
    for (std::size_t t = 0; t < n_; ++t) {
      const auto row = static_cast<std::size_t>(tokens[t]);
      dequantize_row(table.type, {table.rows + row * table.row_bytes, table.row_bytes},
                     {&s_.hidden[t * config_.d_model], config_.d_model});
    }
    if (architecture_.scaled_embedding) {
      const float scale = std::sqrt(static_cast<float>(config_.d_model));
      for (std::size_t i = 0; i < n_ * config_.d_model; ++i) s_.hidden[i] *= scale;
    }
    const std::vector<double>& frequencies = model_.rope_frequencies(session_.context());
    const double magnitude = config_.rope_magnitude;
    for (std::size_t t = 0; t < n_; ++t) {
      for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double angle = static_cast<double>(start_ + t) * frequencies[i];
        s_.cosine[t * frequencies.size() + i] = static_cast<float>(magnitude * std::cos(angle));
        s_.sine[t * frequencies.size() + i] = static_cast<float>(magnitude * std::sin(angle));
      }
    }
  }

  // normed, then q (if wanted), k and v; k and v go to the cache.
  void project_qkv(std::size_t index, bool with_q) {
    const LayerWeights& layer = model_.weights().layers[index];
    norm(layer.attention_norm, 0);
    const std::array products = {Product{&layer.k, s_.k.data(), d_kv()},
                                 Product{&layer.v, s_.v.data(), d_kv()},
                                 Product{&layer.q, s_.q.data(), d_q()}};
    multiply(compute_, std::span(products).first(with_q ? 3 : 2), s_.normed.data(), n_, s_.matmul);
    for_each_position([&](std::size_t t) {
      add_bias(layer.v_bias, &s_.v[t * d_kv()]);
      prepare_heads(&s_.k[t * d_kv()], config_.n_kv_heads, t, layer.k_bias, layer.k_norm);
      if (with_q) {
        prepare_heads(&s_.q[t * d_q()], config_.n_heads, t, layer.q_bias, layer.q_norm);
      }
    });
    for (std::size_t t = 0; t < n_; ++t) {
      session_.cache().store(kernels_, index, start_ + t, &s_.k[t * d_kv()], &s_.v[t * d_kv()]);
    }
  }

  // hidden += W_out · attention(q), for positions first … n − 1.
  void attend(std::size_t index, std::size_t first) {
    const LayerWeights& layer = model_.weights().layers[index];
    const std::size_t n_kv = config_.n_kv_heads;
    const auto work = [&](std::size_t item, std::size_t thread) {
      attend_one(index, n_ - 1 - item / n_kv, item % n_kv, thread);  // the longest first
    };
    const std::size_t items = (n_ - first) * n_kv;
    if (items * (start_ + n_) * config_.head_dim * (config_.n_heads / n_kv) < (1U << 16U)) {
      for (std::size_t item = 0; item < items; ++item) work(item, 0);
    } else {
      compute_.pool->for_each(items, work);
    }
    add_product(layer.attention_out, s_.attended.data() + first * d_q(), first,
                layer.post_attention_norm);
  }

  // hidden += W_down · (gate(W_gate·h) · W_up·h)
  void feed_forward(std::size_t index, std::size_t first) {
    const LayerWeights& layer = model_.weights().layers[index];
    const std::size_t d_ff = config_.d_ff;
    norm(layer.ffn_norm, first);
    const std::array products = {Product{&layer.gate, &s_.gate[first * d_ff], d_ff},
                                 Product{&layer.up, &s_.up[first * d_ff], d_ff}};
    multiply(compute_, products, &s_.normed[first * config_.d_model], n_ - first, s_.matmul);
    for_each_position([&](std::size_t t) {
      if (t < first) return;
      const auto gated = architecture_.gate == Architecture::Gate::silu ? kernels_.silu_multiply
                                                                        : kernels_.gelu_multiply;
      gated(&s_.gate[t * d_ff], &s_.up[t * d_ff], d_ff);
    });
    add_product(layer.down, &s_.gate[first * d_ff], first, layer.post_ffn_norm);
  }

  [[nodiscard]] const float* hidden(std::size_t t) const { return &s_.hidden[t * config_.d_model]; }

 private:
  [[nodiscard]] std::size_t d_q() const { return std::size_t{config_.n_heads} * config_.head_dim; }
  [[nodiscard]] std::size_t d_kv() const {
    return std::size_t{config_.n_kv_heads} * config_.head_dim;
  }

  template <class Work>
  void for_each_position(Work&& work) {
    if (n_ < kSerialPositions) {
      for (std::size_t t = 0; t < n_; ++t) work(t);
    } else {
      compute_.pool->for_each(n_, [&work](std::size_t t, std::size_t) { work(t); });
    }
  }

  void norm(const NormWeights& weights, std::size_t first) {
    const std::size_t d = config_.d_model;
    for_each_position([&](std::size_t t) {
      if (t >= first) normalize(model_, &s_.hidden[t * d], weights, &s_.normed[t * d]);
    });
  }

  void add_bias(const Vector& bias, float* row) {
    if (!bias.empty()) kernels_.add(row, bias.data(), bias.size());
  }

  // Bias, norm of each head and rotation.
  void prepare_heads(float* heads, std::size_t n_heads, std::size_t t, const Vector& bias,
                     const Vector& head_norm) {
    add_bias(bias, heads);
    const std::size_t n_pairs = config_.rope_dims / 2;
    const auto rotate =
        config_.rope_half_split ? kernels_.rope_half_split : kernels_.rope_interleaved;
    for (std::size_t h = 0; h < n_heads; ++h) {
      float* head = heads + h * config_.head_dim;
      if (!head_norm.empty()) {
        kernels_.rms_norm(head, head_norm.data(), config_.norm_epsilon, config_.head_dim, head);
      }
      rotate(head, &s_.cosine[t * n_pairs], &s_.sine[t * n_pairs], n_pairs);
    }
  }

  // The first position that position `p` sees in layer `index`.
  [[nodiscard]] std::size_t window_begin(std::size_t index, std::size_t p) const {
    const std::size_t window = config_.sliding_window;
    const bool whole =
        architecture_.window == Architecture::Window::every_other_layer && index % 2 == 1;
    return window == 0 || whole || p < window ? 0 : p + 1 - window;
  }

  // The query heads that share one KV head, at one position.
  void attend_one(std::size_t index, std::size_t t, std::size_t kv_head, std::size_t thread) {
    const std::size_t per_kv = config_.n_heads / config_.n_kv_heads;
    const KvCache& cache = session_.cache();
    AttentionArgs args{};
    args.q_stride = config_.head_dim;
    args.keys = cache.keys(index, kv_head);
    args.values = cache.values(index, kv_head);
    args.value_stride = cache.value_stride();
    args.f16 = cache.is_f16();
    args.n_positions = start_ + t + 1;
    args.first_position = window_begin(index, start_ + t);
    args.head_dim = config_.head_dim;
    args.scale = config_.attention_scale;
    args.softcap = config_.attention_softcap;
    args.scores = &s_.scores[thread * kMaxQueries * s_.score_stride];
    args.score_stride = s_.score_stride;
    args.out_stride = config_.head_dim;
    for (std::size_t g = 0; g < per_kv; g += kMaxQueries) {
      const std::size_t offset = t * d_q() + (kv_head * per_kv + g) * config_.head_dim;
      args.n_q = std::min(kMaxQueries, per_kv - g);
      args.q = &s_.q[offset];
      args.out = &s_.attended[offset];
      kernels_.attention(args);
    }
  }

  // hidden += norm(matrix · x) for positions first … n − 1; x: [n − first, matrix.n_cols]
  void add_product(const Matrix& matrix, const float* x, std::size_t first,
                   const Vector& post_norm) {
    const std::size_t d = config_.d_model;
    const std::array products = {Product{&matrix, &s_.projected[first * d], d}};
    multiply(compute_, products, x, n_ - first, s_.matmul);
    for_each_position([&](std::size_t t) {
      if (t < first) return;
      float* row = &s_.projected[t * d];
      if (!post_norm.empty()) {
        kernels_.rms_norm(row, post_norm.data(), config_.norm_epsilon, d, row);
      }
      kernels_.add(&s_.hidden[t * d], row, d);
    });
  }

  SessionState& session_;
  const Transformer& model_;
  const ModelConfig& config_;
  const Compute& compute_;
  const Kernels& kernels_;
  const Architecture& architecture_;
  Scratch& s_;
  std::size_t n_;
  std::size_t start_;
};

}  // namespace

ForwardResult forward(SessionState& session, std::span<const TokenId> tokens,
                      const ForwardOptions& options) {
  Pass pass(session, tokens.size());
  const std::size_t last = tokens.size() - 1;
  std::uint32_t cached = options.n_layers;
  ForwardResult result;
  pass.embed(tokens);
  for (std::uint32_t layer = 0; layer < options.n_layers; ++layer) {
    // In the last layer only the positions whose result is wanted go past the cache.
    const bool final_layer = layer + 1 == options.n_layers;
    const std::size_t first = final_layer && !options.all_positions ? last : 0;
    pass.project_qkv(layer, true);
    pass.attend(layer, first);
    pass.feed_forward(layer, first);
    result.layers = layer + 1;
    const std::size_t shown = options.all_positions ? 0 : last;
    if (options.hook && !options.hook(result.layers, pass.hidden(shown))) break;
  }
  const auto n_layers = static_cast<std::uint32_t>(session.transformer().weights().layers.size());
  if (result.layers < options.n_layers) {
    for (std::uint32_t layer = result.layers; layer < n_layers; ++layer) {
      pass.project_qkv(layer, false);
    }
    cached = n_layers;
  }
  session.advance(static_cast<std::uint32_t>(tokens.size()), cached);
  result.hidden = pass.hidden(options.all_positions ? 0 : last);
  return result;
}

void output_head(SessionState& session, const float* hidden, std::size_t n, float* logits) {
  const Transformer& model = session.transformer();
  const ModelConfig& config = model.config();
  Scratch& s = session.scratch(n);
  for (std::size_t t = 0; t < n; ++t) {
    normalize(model, hidden + t * config.d_model, model.weights().output_norm,
              &s.normed[t * config.d_model]);
  }
  const std::array products = {Product{&model.weights().output, logits, config.n_vocab}};
  multiply(model.compute(), products, s.normed.data(), n, s.matmul);
  if (config.logit_softcap > 0.0F) {
    model.compute().kernels->soft_cap(logits, config.logit_softcap, n * config.n_vocab);
  }
}

}  // namespace wattle::engine
