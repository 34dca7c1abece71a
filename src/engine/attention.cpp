#include "engine/attention.hpp"

#include <algorithm>
#include <vector>

namespace wattle::engine {
namespace {

constexpr std::size_t kMaxQueries = 8;  // heads of a token per call
// Below so many multiplications of keys one thread is faster than waking the others.
constexpr std::size_t kSerialWork = 1U << 16U;

// Rows first … first + n − 1 are consecutive positions of one sequence.
struct Span {
  std::size_t first, n;
};

// As long as one call takes.
std::vector<Span> find_spans(std::span<const AttentionRow> rows, std::size_t most) {
  std::vector<Span> spans;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool follows =
        i > 0 && rows[i - 1].cache == rows[i].cache && rows[i - 1].position + 1 == rows[i].position;
    if (follows && spans.back().n < most) {
      ++spans.back().n;
    } else {
      spans.push_back({i, 1});
    }
  }
  return spans;
}

class LayerAttention {
 public:
  LayerAttention(const Transformer& model, Scratch& scratch, std::size_t layer,
                 std::span<const AttentionRow> rows)
      : config_(model.config()),
        kernels_(*model.compute().kernels),
        s_(scratch),
        layer_(layer),
        rows_(rows),
        per_kv_(config_.n_heads / config_.n_kv_heads),
        width_(per_kv_ * config_.head_dim),
        window_(window_of(model, layer)) {
    // Blocks of 8-bit activations must not cross what one KV head's queries put out.
    if (model.weights().layers[layer].attention_out.is_packed() && width_ % kQuantBlock == 0) {
      quantized_ = s_.quantized.data();
    }
  }

  [[nodiscard]] ActivationBlock* quantized() const { return quantized_; }
  [[nodiscard]] std::size_t queries_per_call() const { return std::min(per_kv_, kMaxQueries); }

  // The query heads that share one KV head.
  void run(const Span& span, std::size_t kv_head, std::size_t thread) const {
    AttentionArgs args = arguments(span, kv_head, thread);
    const std::size_t first = span.first * d_q() + kv_head * width_;
    for (std::size_t g = 0; g < per_kv_; g += kMaxQueries) {
      args.n_q = std::min(kMaxQueries, per_kv_ - g);
      args.q = &s_.q[first + g * config_.head_dim];
      args.out = &s_.attended[first + g * config_.head_dim];
      kernels_.attention(args);
    }
    for (std::size_t i = 0; i < span.n && quantized_ != nullptr; ++i) {
      const std::size_t at = first + i * d_q();
      kernels_.quantize(&s_.attended[at], width_ / kQuantBlock, quantized_ + at / kQuantBlock);
    }
  }

 private:
  // How many of its last positions a row sees; 0: all.
  static std::size_t window_of(const Transformer& model, std::size_t layer) {
    const bool whole =
        model.architecture().window == Architecture::Window::every_other_layer && layer % 2 == 1;
    return whole ? 0 : model.config().sliding_window;
  }

  [[nodiscard]] std::size_t d_q() const { return std::size_t{config_.n_heads} * config_.head_dim; }

  [[nodiscard]] AttentionArgs arguments(const Span& span, std::size_t kv_head,
                                        std::size_t thread) const {
    const AttentionRow& row = rows_[span.first];
    const KvLayout& at = row.cache->layout();
    const std::size_t part = at.offset(layer_, kv_head);
    AttentionArgs args{};
    args.token_stride = d_q();
    args.head_stride = config_.head_dim;
    args.n_tokens = span.n;
    args.pages = row.cache->pages();
    args.page_positions = at.page_positions;
    args.keys = part;
    args.values = part + at.values;
    args.key_scales = part + at.key_scales;
    args.value_scales = part + at.value_scales;
    args.value_stride = at.value_stride;
    args.element = at.element();
    args.n_positions = row.position + 1;
    args.window = window_;
    args.head_dim = config_.head_dim;
    args.scale = config_.attention_scale;
    args.softcap = config_.attention_softcap;
    args.scratch = &s_.attention[thread * s_.attention_stride];
    args.score_stride = s_.score_stride;
    return args;
  }

  const ModelConfig& config_;
  const Kernels& kernels_;
  Scratch& s_;
  std::size_t layer_;
  std::span<const AttentionRow> rows_;
  std::size_t per_kv_;  // query heads that share a KV head
  std::size_t width_;   // floats that they put out
  std::size_t window_;
  ActivationBlock* quantized_ = nullptr;  // [n_rows, d_q / 32]
};

}  // namespace

Operand attend_rows(const Transformer& model, Scratch& scratch, std::size_t layer,
                    std::span<const AttentionRow> rows) {
  const LayerAttention attention(model, scratch, layer, rows);
  const ModelConfig& config = model.config();
  const Compute& compute = model.compute();
  const std::vector<Span> spans = find_spans(
      rows, std::max<std::size_t>(scratch.attention_rows / attention.queries_per_call(), 1));
  const std::size_t n_kv = config.n_kv_heads;
  const auto work = [&](std::size_t item, std::size_t thread) {
    // The longest first.
    attention.run(spans[spans.size() - 1 - item / n_kv], item % n_kv, thread);
  };
  std::size_t positions = 0;
  for (const AttentionRow& row : rows) positions += row.position + 1;
  const std::size_t items = spans.size() * n_kv;
  if (positions * config.n_heads * config.head_dim < kSerialWork) {
    for (std::size_t item = 0; item < items; ++item) work(item, 0);
  } else {
    compute.pool->for_each(items, work, compute.threads_for(rows.size()),
                           streamed(model.weights().layers[layer].attention_out));
  }
  return {scratch.attended.data(), attention.quantized()};
}

}  // namespace wattle::engine
