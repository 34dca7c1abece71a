#include "engine/forward.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "engine/attention.hpp"
#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

// Loops over rows shorter than this are not worth other threads.
constexpr std::size_t kSerialRows = 8;

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

// One forward pass; holds what all its steps need. The hidden state of a row stays in its place;
// what a layer computes is in the order of `order_`: the rows that take part in it.
class Pass {
 public:
  Pass(const Transformer& model, Scratch& scratch, std::span<Chunk> chunks)
      : model_(model),
        config_(model.config()),
        compute_(model.compute()),
        kernels_(*compute_.kernels),
        architecture_(model.architecture()),
        s_(scratch),
        chunks_(chunks),
        left_(chunks.size(), false) {
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      first_row_.push_back(rows_.size());
      for (std::size_t t = 0; t < chunks[c].n_rows(); ++t) {
        rows_.push_back({c, chunks[c].start + t});
      }
    }
  }

  [[nodiscard]] std::size_t n_rows() const { return rows_.size(); }
  [[nodiscard]] const float* hidden(std::size_t row) const {
    return &s_.hidden[row * config_.d_model];
  }
  [[nodiscard]] std::size_t last_row(std::size_t chunk) const {
    return first_row_[chunk] + chunks_[chunk].n_rows() - 1;
  }
  void leave(std::size_t chunk) { left_[chunk] = true; }
  [[nodiscard]] bool runs(std::size_t chunk, std::uint32_t layer) const {
    return layer >= chunks_[chunk].first_layer && layer < chunks_[chunk].n_layers && !left_[chunk];
  }

  void embed(const std::vector<double>& frequencies) {
    const Matrix& table = model_.weights().embedding;
    const std::size_t d = config_.d_model;
    const float scale =
        architecture_.scaled_embedding ? std::sqrt(static_cast<float>(config_.d_model)) : 1.0F;
    const double magnitude = config_.rope_magnitude;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const Row& row = rows_[r];
      const Chunk& chunk = chunks_[row.chunk];
      const std::size_t t = r - first_row_[row.chunk];
      if (chunk.resumed != nullptr) {
        std::copy_n(chunk.resumed + t * d, d, &s_.hidden[r * d]);
      } else {
        const auto token = static_cast<std::size_t>(chunk.tokens[t]);
        dequantize_row(table.type, {table.rows + token * table.row_bytes, table.row_bytes},
                       {&s_.hidden[r * d], d});
        if (architecture_.scaled_embedding) {
          for (std::size_t i = 0; i < d; ++i) s_.hidden[r * d + i] *= scale;
        }
      }
      for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double angle = static_cast<double>(row.position) * frequencies[i];
        s_.cosine[r * frequencies.size() + i] = static_cast<float>(magnitude * std::cos(angle));
        s_.sine[r * frequencies.size() + i] = static_cast<float>(magnitude * std::sin(angle));
      }
    }
  }

  // Which rows take part in a layer. Rows whose result nobody wants need only leave their keys and
  // values: in the last layer of a chunk, and in the layers that a chunk has left out. False: none.
  bool begin_layer(std::uint32_t layer) {
    order_.clear();
    std::vector<std::size_t>& shallow = shallow_;
    shallow.clear();
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
      const Chunk& chunk = chunks_[c];
      if (layer < chunk.first_layer || (left_[c] && !chunk.fills_skipped)) continue;
      if (!left_[c] && layer >= chunk.n_layers) continue;
      const bool last_layer = layer + 1 == chunk.n_layers;
      for (std::size_t r = first_row_[c]; r <= last_row(c); ++r) {
        const bool wanted = chunk.wanted == Chunk::Wanted::all ||
                            (chunk.wanted == Chunk::Wanted::last && r == last_row(c));
        const bool deep = !left_[c] && (!last_layer || wanted);
        (deep ? order_ : shallow).push_back(r);
      }
    }
    n_deep_ = order_.size();
    order_.insert(order_.end(), shallow.begin(), shallow.end());
    return !order_.empty();
  }

  // normed, then k and v, which go to the cache, and q of the deep rows.
  void project_qkv(std::size_t index) {
    const LayerWeights& layer = model_.weights().layers[index];
    const std::size_t n = order_.size();
    norm(layer.attention_norm, n);
    const std::array products = {Product{&layer.k, s_.k.data(), d_kv()},
                                 Product{&layer.v, s_.v.data(), d_kv()},
                                 Product{&layer.q, s_.q.data(), d_q()}};
    const std::span all(products);
    multiply(compute_, n_deep_ == n ? all : all.first(2), {s_.normed.data()}, n, s_.matmul,
             &layer.attention_out);
    if (n_deep_ > 0 && n_deep_ < n) {
      multiply(compute_, all.last(1), {s_.normed.data()}, n_deep_, s_.matmul);
    }
    for_each_row(n, [&](std::size_t i) {
      add_bias(layer.v_bias, &s_.v[i * d_kv()]);
      prepare_heads(&s_.k[i * d_kv()], config_.n_kv_heads, order_[i], layer.k_bias, layer.k_norm);
      if (i < n_deep_) {
        prepare_heads(&s_.q[i * d_q()], config_.n_heads, order_[i], layer.q_bias, layer.q_norm);
      }
    });
    for (std::size_t i = 0; i < n; ++i) {
      const Row& row = rows_[order_[i]];
      chunks_[row.chunk].cache->store(kernels_, index, row.position, &s_.k[i * d_kv()],
                                      &s_.v[i * d_kv()]);
    }
  }

  // hidden += W_out · attention(q), for the deep rows.
  void attend(std::size_t index) {
    const LayerWeights& layer = model_.weights().layers[index];
    attention_rows_.clear();
    for (std::size_t i = 0; i < n_deep_; ++i) {
      const Row& row = rows_[order_[i]];
      attention_rows_.push_back({chunks_[row.chunk].cache, row.position});
    }
    const Operand attended = attend_rows(model_, s_, index, attention_rows_);
    add_product(layer.attention_out, attended, layer.post_attention_norm, &layer.gate);
  }

  // hidden += W_down · (gate(W_gate·h) · W_up·h), for the deep rows.
  void feed_forward(std::size_t index) {
    const LayerWeights& layer = model_.weights().layers[index];
    const std::size_t d_ff = config_.d_ff;
    norm(layer.ffn_norm, n_deep_);
    ActivationBlock* quantized = layer.down.is_packed() ? s_.quantized.data() : nullptr;
    multiply_gated(compute_, {&layer.gate, s_.gate.data(), d_ff}, {&layer.up, s_.up.data(), d_ff},
                   architecture_.gate == Architecture::Gate::silu ? kernels_.silu_multiply
                                                                  : kernels_.gelu_multiply,
                   {s_.normed.data()}, n_deep_, s_.matmul, quantized, &layer.down);
    const Weights& weights = model_.weights();
    add_product(layer.down, {s_.gate.data(), quantized}, layer.post_ffn_norm,
                index + 1 < weights.layers.size() ? &weights.layers[index + 1].k : &weights.output);
  }

  [[nodiscard]] std::size_t n_deep() const { return n_deep_; }

 private:
  struct Row {
    std::size_t chunk;
    std::size_t position;
  };

  [[nodiscard]] std::size_t d_q() const { return std::size_t{config_.n_heads} * config_.head_dim; }
  [[nodiscard]] std::size_t d_kv() const {
    return std::size_t{config_.n_kv_heads} * config_.head_dim;
  }

  template <class Work>
  void for_each_row(std::size_t n, Work&& work) {
    if (n < kSerialRows) {
      for (std::size_t i = 0; i < n; ++i) work(i);
    } else {
      compute_.pool->for_each(n, [&work](std::size_t i, std::size_t) { work(i); });
    }
  }

  void norm(const NormWeights& weights, std::size_t n) {
    const std::size_t d = config_.d_model;
    for_each_row(n, [&](std::size_t i) {
      normalize(model_, &s_.hidden[order_[i] * d], weights, &s_.normed[i * d]);
    });
  }

  void add_bias(const Vector& bias, float* row) {
    if (!bias.empty()) kernels_.add(row, bias.data(), bias.size());
  }

  // Bias, norm of each head and rotation.
  void prepare_heads(float* heads, std::size_t n_heads, std::size_t row, const Vector& bias,
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
      rotate(head, &s_.cosine[row * n_pairs], &s_.sine[row * n_pairs], n_pairs);
    }
  }

  // hidden += norm(matrix · x), for the deep rows; x: [n_deep, matrix.n_cols]
  void add_product(const Matrix& matrix, const Operand& x, const Vector& post_norm,
                   const Matrix* next) {
    const std::size_t d = config_.d_model;
    const std::array products = {Product{&matrix, s_.projected.data(), d}};
    multiply(compute_, products, x, n_deep_, s_.matmul, next);
    for_each_row(n_deep_, [&](std::size_t i) {
      float* row = &s_.projected[i * d];
      if (!post_norm.empty()) {
        kernels_.rms_norm(row, post_norm.data(), config_.norm_epsilon, d, row);
      }
      kernels_.add(&s_.hidden[order_[i] * d], row, d);
    });
  }

  const Transformer& model_;
  const ModelConfig& config_;
  const Compute& compute_;
  const Kernels& kernels_;
  const Architecture& architecture_;
  Scratch& s_;
  std::span<Chunk> chunks_;
  std::vector<Row> rows_;
  std::vector<std::size_t> first_row_;  // of each chunk
  std::vector<bool> left_;              // chunks that have left early
  std::vector<std::size_t> order_;      // rows of this layer, the deep ones first
  std::vector<std::size_t> shallow_;
  std::vector<AttentionRow> attention_rows_;
  std::size_t n_deep_ = 0;
};

// Shows the watched chunks to the hook.
void look(Pass& pass, std::span<const Chunk> chunks, std::uint32_t layer, const BatchHook& hook,
          std::vector<Look>& looks) {
  looks.clear();
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    if (chunks[c].watch && pass.runs(c, layer)) looks.push_back({c, pass.hidden(pass.last_row(c))});
  }
  if (looks.empty()) return;
  hook(layer + 1, looks);
  for (const Look& seen : looks) {
    if (seen.leave && layer + 1 < chunks[seen.chunk].n_layers) pass.leave(seen.chunk);
  }
}

}  // namespace

void forward(const Transformer& model, Scratch& scratch, std::uint32_t context,
             std::span<Chunk> chunks, const BatchHook& hook) {
  Pass pass(model, scratch, chunks);
  scratch.reserve(model, pass.n_rows(), context);
  pass.embed(model.rope_frequencies(context));
  std::vector<Look> looks;
  const auto n_layers = static_cast<std::uint32_t>(model.weights().layers.size());
  std::uint32_t layer = n_layers;
  for (const Chunk& chunk : chunks) layer = std::min(layer, chunk.first_layer);
  for (; layer < n_layers && pass.begin_layer(layer); ++layer) {
    pass.project_qkv(layer);
    if (pass.n_deep() > 0) {
      pass.attend(layer);
      pass.feed_forward(layer);
    }
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      if (pass.runs(c, layer)) chunks[c].layers = layer + 1;
    }
    if (hook) look(pass, chunks, layer, hook, looks);
  }
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    const std::size_t last = pass.last_row(c);
    const bool all = chunks[c].wanted == Chunk::Wanted::all;
    chunks[c].all_hidden = pass.hidden(last + 1 - chunks[c].n_rows());
    chunks[c].hidden = all ? chunks[c].all_hidden : pass.hidden(last);
  }
}

void output_head(const Transformer& model, Scratch& scratch, std::uint32_t context,
                 std::span<const float* const> hidden, float* logits) {
  const ModelConfig& config = model.config();
  scratch.reserve(model, hidden.size(), context);
  for (std::size_t t = 0; t < hidden.size(); ++t) {
    normalize(model, hidden[t], model.weights().output_norm, &scratch.normed[t * config.d_model]);
  }
  const std::array products = {Product{&model.weights().output, logits, config.n_vocab}};
  multiply(model.compute(), products, {scratch.normed.data()}, hidden.size(), scratch.matmul);
  if (config.logit_softcap > 0.0F) {
    model.compute().kernels->soft_cap(logits, config.logit_softcap, hidden.size() * config.n_vocab);
  }
}

namespace {

ForwardResult run(SessionState& session, Chunk chunk, const ForwardOptions& options) {
  chunk.cache = &session.cache();
  chunk.n_layers = options.n_layers;
  chunk.wanted = options.all_positions ? Chunk::Wanted::all : Chunk::Wanted::last;
  chunk.watch = static_cast<bool>(options.hook);
  chunk.fills_skipped = !options.resumable;
  BatchHook hook;
  if (chunk.watch) {
    hook = [&options](std::uint32_t layer, std::span<Look> looks) {
      looks.front().leave = !options.hook(layer, looks.front().hidden);
    };
  }
  forward(session.transformer(), session.scratch(), session.context(), {&chunk, 1}, hook);
  return {.hidden = chunk.hidden, .layers = chunk.layers, .all_hidden = chunk.all_hidden};
}

}  // namespace

ForwardResult forward(SessionState& session, std::span<const TokenId> tokens,
                      const ForwardOptions& options) {
  const auto n = static_cast<std::uint32_t>(tokens.size());
  // A session's pool holds its whole context.
  [[maybe_unused]] const bool reserved =
      session.cache().reserve(session.position(), session.position() + n);
  assert(reserved);
  const ForwardResult result =
      run(session, {.start = session.position(), .tokens = tokens}, options);
  // Of tokens that left early, all layers have keys and values, or will (resume()).
  const bool all = options.resumable || result.layers < options.n_layers;
  session.advance(n, all ? session.transformer().config().n_layers : options.n_layers);
  return result;
}

ForwardResult resume(SessionState& session, std::size_t n, std::uint32_t first_layer,
                     const float* hidden, const ForwardOptions& options) {
  const auto start = static_cast<std::uint32_t>(session.position() - n);
  const ForwardResult result =
      run(session, {.start = start, .resumed = hidden, .n_resumed = n, .first_layer = first_layer},
          options);
  if (!options.resumable) session.advance(0, options.n_layers);
  return result;
}

void output_head(SessionState& session, const float* hidden, std::size_t n, float* logits) {
  const Transformer& model = session.transformer();
  std::vector<const float*> rows(n);
  for (std::size_t t = 0; t < n; ++t) rows[t] = hidden + t * model.config().d_model;
  output_head(model, session.scratch(), session.context(), rows, logits);
}

}  // namespace wattle::engine
