#include "lab/eval/perplexity.hpp"

#include <cmath>
#include <numbers>

#include "lab/eval/log_softmax.hpp"
#include "lab/eval/window_runner.hpp"

namespace wattle::lab {
namespace {

std::uint64_t scored_bytes(const engine::Tokenizer& tokenizer, const Window& window) {
  std::uint64_t n = 0;
  for (std::size_t i = window.first_scored; i < window.tokens.size(); ++i) {
    n += tokenizer.piece(window.tokens[i]).size();
  }
  return n;
}

LayerPerplexity summarize(std::uint32_t layer, std::span<const double> nll,
                          std::span<const std::size_t> window_ends, std::uint64_t n_bytes) {
  LayerPerplexity made{.layer = layer, .nll = token_mean(nll, window_ends)};
  const double perplexity = std::exp(made.nll.mean);
  made.perplexity = transformed(made.nll, perplexity, perplexity);
  made.bits_per_byte = made.nll.mean * static_cast<double>(nll.size()) / std::numbers::ln2 /
                       static_cast<double>(n_bytes);
  return made;
}

}  // namespace

Result<PerplexityReport> measure_perplexity(std::shared_ptr<const engine::Model> model,
                                            std::span<const Window> windows,
                                            const EvalOptions& options) {
  WATTLE_TRY(WindowRunner runner, WindowRunner::create(std::move(model), windows, options.layers));
  std::vector<std::vector<double>> nll(runner.layers().size());  // [layer][scored token]
  std::vector<std::size_t> window_ends;
  PerplexityReport report;
  report.n_windows_planned = windows.size();
  for (const Window& window : windows) {
    for (auto& values : nll) values.resize(report.n_tokens + window.n_scored());
    const Status fed =
        runner.feed(window, 0, window.tokens.size(),
                    [&](std::size_t layer, std::size_t token, std::span<const float> logits) {
                      const auto target = static_cast<std::size_t>(window.tokens[token]);
                      nll[layer][report.n_tokens + token - window.first_scored] =
                          log_sum(logits).value - static_cast<double>(logits[target]);
                    });
    if (!fed && fed.error().code == ErrorCode::cancelled && report.n_windows > 0) break;
    WATTLE_CHECK(fed);
    report.n_windows += 1;
    report.n_tokens += window.n_scored();
    report.n_bytes += scored_bytes(runner.model().tokenizer(), window);
    window_ends.push_back(report.n_tokens);
    if (options.on_progress) {
      options.on_progress(static_cast<double>(report.n_windows),
                          static_cast<double>(windows.size()));
    }
  }
  for (std::size_t i = 0; i < nll.size(); ++i) {
    nll[i].resize(report.n_tokens);
    report.layers.push_back(summarize(runner.layers()[i], nll[i], window_ends, report.n_bytes));
  }
  return report;
}

}  // namespace wattle::lab
