#include "lab/eval/divergence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/eval/log_softmax.hpp"
#include "lab/eval/window_runner.hpp"

namespace wattle::lab {
namespace {

// Positions between which the reference and the model take turns: so many rows of logits are kept.
constexpr std::size_t kPiece = 64;

// What is kept of each token.
struct LayerTokens {
  std::vector<double> kl;
  std::vector<double> nll;
  std::vector<char> same_top;
  void resize(std::size_t n) {
    kl.resize(n);
    nll.resize(n);
    same_top.resize(n);
  }
};

// The reference's rows for the tokens that one piece of a window predicts.
class ReferenceRows {
 public:
  explicit ReferenceRows(std::size_t n_vocab)
      : n_vocab_(n_vocab), logits_(kPiece * n_vocab), sums_(kPiece) {}

  void begin(std::size_t first_token) { first_ = first_token; }
  // Tokens may come from several threads.
  void put(std::size_t token, std::span<const float> logits) {
    std::ranges::copy(logits, row(token).begin());
    sums_[token - first_] = log_sum(row(token));
  }
  [[nodiscard]] std::span<float> row(std::size_t token) {
    return std::span(logits_).subspan((token - first_) * n_vocab_, n_vocab_);
  }
  [[nodiscard]] const LogSum& sum(std::size_t token) const { return sums_[token - first_]; }

 private:
  std::size_t n_vocab_;
  std::vector<float> logits_;  // [kPiece, n_vocab]
  std::vector<LogSum> sums_;
  std::size_t first_ = 0;
};

Status check_vocabularies(const engine::Model& model, const Reference& reference) {
  std::uint32_t n_vocab = model.config().n_vocab;
  std::string fingerprint;
  std::string name;
  if (reference.model) {
    n_vocab = reference.model->config().n_vocab;
    fingerprint = vocabulary_fingerprint(reference.model->tokenizer());
    name = reference.model->config().name;
  } else if (reference.file != nullptr) {
    n_vocab = reference.file->header().n_vocab;
    fingerprint = reference.file->header().fingerprint;
    name = reference.file->header().model;
  } else {
    return {};
  }
  if (n_vocab == model.config().n_vocab &&
      fingerprint == vocabulary_fingerprint(model.tokenizer())) {
    return {};
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("cannot compare {} with {}: their vocabularies differ ({} and {} tokens)",
                          model.config().name, name, model.config().n_vocab, n_vocab),
              "Compare models with the same tokenizer; across tokenizers, compare bits per byte "
              "(wattle eval perplexity).");
}

class Comparison {
 public:
  Comparison(WindowRunner& model, WindowRunner* reference, const ReferenceLogits* file)
      : model_(model),
        reference_(reference),
        file_(file),
        own_depth_(reference == nullptr && file == nullptr),
        rows_(model.model().config().n_vocab),
        layers_(model.layers().size()) {}

  Status compare(const Window& window, std::size_t index, ReferenceLogitsWriter* writer) {
    for (LayerTokens& layer : layers_) layer.resize(n_tokens_ + window.n_scored());
    reference_nll_.resize(n_tokens_ + window.n_scored());
    if (writer != nullptr) WATTLE_CHECK(writer->begin_window(window));
    for (std::size_t begin = 0; begin < window.tokens.size(); begin += kPiece) {
      const std::size_t end = std::min(begin + kPiece, window.tokens.size());
      rows_.begin(begin + 1);
      WATTLE_CHECK(read_reference(window, index, begin, end));
      WATTLE_CHECK(
          model_.feed(window, begin, end,
                      [&](std::size_t layer, std::size_t token, std::span<const float> logits) {
                        if (own_depth_ && layer == 0) put_reference(window, token, logits);
                        judge(window, layer, token, logits);
                      }));
      if (writer != nullptr) WATTLE_CHECK(save(window, begin, end, *writer));
    }
    n_tokens_ += window.n_scored();
    ends_.push_back(n_tokens_);
    return {};
  }

  [[nodiscard]] std::size_t n_tokens() const { return n_tokens_; }

  void summarize(DivergenceReport& report) {
    reference_nll_.resize(n_tokens_);
    const TokenMean nll = token_mean(reference_nll_, ends_);
    report.n_tokens = n_tokens_;
    report.reference_perplexity = transformed(nll, std::exp(nll.mean), std::exp(nll.mean));
    // The model's own full depth comes first where it is the reference, asked for or not.
    for (std::size_t i = own_depth_ ? 1 : 0; i < layers_.size(); ++i) {
      layers_[i].resize(n_tokens_);
      report.layers.push_back(summarize_layer(model_.layers()[i], layers_[i], nll.mean));
    }
  }

 private:
  Status read_reference(const Window& window, std::size_t index, std::size_t begin,
                        std::size_t end) {
    if (reference_ != nullptr) {
      return reference_->feed(window, begin, end, [&](std::size_t, std::size_t token, auto logits) {
        put_reference(window, token, logits);
      });
    }
    if (file_ == nullptr) return {};
    std::vector<float> logits(model_.model().config().n_vocab);
    for (std::size_t token = std::max(begin + 1, window.first_scored);
         token <= end && token < window.tokens.size(); ++token) {
      file_->read_row(index, token, logits);
      put_reference(window, token, logits);
    }
    return {};
  }

  void put_reference(const Window& window, std::size_t token, std::span<const float> logits) {
    rows_.put(token, logits);
    const auto target = static_cast<std::size_t>(window.tokens[token]);
    reference_nll_[n_tokens_ + token - window.first_scored] =
        rows_.sum(token).value - static_cast<double>(logits[target]);
  }

  void judge(const Window& window, std::size_t layer, std::size_t token,
             std::span<const float> logits) {
    const LogSum sum = log_sum(logits);
    const LogSum& reference = rows_.sum(token);
    const std::size_t at = n_tokens_ + token - window.first_scored;
    const auto target = static_cast<std::size_t>(window.tokens[token]);
    LayerTokens& tokens = layers_[layer];
    tokens.kl[at] = kl_divergence(rows_.row(token), reference.value, logits, sum.value);
    tokens.nll[at] = sum.value - static_cast<double>(logits[target]);
    tokens.same_top[at] = sum.argmax == reference.argmax ? 1 : 0;
  }

  Status save(const Window& window, std::size_t begin, std::size_t end,
              ReferenceLogitsWriter& writer) {
    for (std::size_t token = std::max(begin + 1, window.first_scored);
         token <= end && token < window.tokens.size(); ++token) {
      WATTLE_CHECK(writer.add_row(rows_.row(token)));
    }
    return {};
  }

  LayerDivergence summarize_layer(std::uint32_t layer, const LayerTokens& tokens,
                                  double reference_nll) const {
    LayerDivergence made{.layer = layer, .kl = token_mean(tokens.kl, ends_)};
    made.kl_median = *median(tokens.kl);
    made.kl_p90 = *percentile(tokens.kl, 90.0);
    made.kl_p99 = *percentile(tokens.kl, 99.0);
    made.kl_max = std::ranges::max(tokens.kl);
    const auto n = static_cast<double>(n_tokens_);
    made.n_same_top = static_cast<std::size_t>(std::ranges::count(tokens.same_top, 1));
    made.same_top = static_cast<double>(made.n_same_top) / n;
    made.same_top_95 = wilson_interval_95(static_cast<double>(made.n_same_top), n);
    const TokenMean nll = token_mean(tokens.nll, ends_);
    const double perplexity = std::exp(nll.mean);
    const double of_reference = std::exp(reference_nll);
    made.perplexity = transformed(nll, perplexity, perplexity);
    std::vector<double> difference(n_tokens_);
    std::vector<double> linear(n_tokens_);  // of e^a − e^b around the means, token by token
    double squares = 0.0;
    for (std::size_t i = 0; i < n_tokens_; ++i) {
      difference[i] = tokens.nll[i] - reference_nll_[i];
      linear[i] = perplexity * tokens.nll[i] - of_reference * reference_nll_[i];
      const double delta_p = std::exp(-tokens.nll[i]) - std::exp(-reference_nll_[i]);
      squares += delta_p * delta_p;
    }
    made.rms_delta_p = std::sqrt(squares / n);
    made.delta_nll = token_mean(difference, ends_);
    made.delta_perplexity = transformed(token_mean(linear, ends_), perplexity - of_reference, 1.0);
    return made;
  }

  WindowRunner& model_;
  WindowRunner* reference_;
  const ReferenceLogits* file_;
  bool own_depth_;
  ReferenceRows rows_;
  std::vector<LayerTokens> layers_;
  std::vector<double> reference_nll_;
  std::vector<std::size_t> ends_;
  std::size_t n_tokens_ = 0;
};

std::string reference_name(const engine::Model& model, const Reference& reference) {
  if (reference.model) return reference.model->config().name;
  return reference.file != nullptr ? reference.file->header().model : model.config().name;
}

}  // namespace

Result<DivergenceReport> measure_divergence(std::shared_ptr<const engine::Model> model,
                                            const Reference& reference,
                                            std::span<const Window> windows,
                                            const EvalOptions& options,
                                            const std::filesystem::path& save_logits) {
  WATTLE_CHECK(check_vocabularies(*model, reference));
  std::vector<std::uint32_t> layers = options.layers;
  if (layers.empty()) layers.push_back(0);
  const bool own_depth = !reference.model && reference.file == nullptr;
  if (own_depth) layers.insert(layers.begin(), 0);
  WATTLE_TRY(WindowRunner runner, WindowRunner::create(model, windows, layers));
  std::optional<WindowRunner> reference_runner;
  if (reference.model) {
    WATTLE_TRY(auto made, WindowRunner::create(reference.model, windows, {}));
    reference_runner.emplace(std::move(made));
  }
  DivergenceReport report;
  report.reference = reference_name(*model, reference);
  report.n_windows_planned = windows.size();
  std::optional<ReferenceLogitsWriter> writer;
  if (!save_logits.empty()) {
    const auto n_windows = static_cast<std::uint32_t>(windows.size());
    WATTLE_TRY(auto made,
               ReferenceLogitsWriter::create(
                   save_logits, {report.reference, vocabulary_fingerprint(model->tokenizer()),
                                 model->config().n_vocab, n_windows}));
    writer.emplace(std::move(made));
  }
  Comparison comparison(runner, reference_runner ? &*reference_runner : nullptr, reference.file);
  for (const Window& window : windows) {
    const Status compared =
        comparison.compare(window, report.n_windows, writer ? &*writer : nullptr);
    if (!compared && compared.error().code == ErrorCode::cancelled && report.n_windows > 0) break;
    WATTLE_CHECK(compared);
    report.n_windows += 1;
    if (options.on_progress) {
      options.on_progress(static_cast<double>(report.n_windows),
                          static_cast<double>(windows.size()));
    }
  }
  comparison.summarize(report);
  if (writer && !report.partial()) WATTLE_CHECK(writer->commit());
  return report;
}

}  // namespace wattle::lab
