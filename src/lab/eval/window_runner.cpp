#include "lab/eval/window_runner.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::lab {

WindowRunner::WindowRunner(std::unique_ptr<engine::Session> session,
                           std::vector<std::uint32_t> layers)
    : session_(std::move(session)),
      layers_(std::move(layers)),
      pool_(std::make_unique<ThreadPool>(session_->model().threads())) {}

Result<WindowRunner> WindowRunner::create(std::shared_ptr<const engine::Model> model,
                                          std::span<const Window> windows,
                                          std::vector<std::uint32_t> layers) {
  const engine::ModelConfig& config = model->config();
  if (layers.empty()) layers.push_back(0);
  for (std::uint32_t& layer : layers) {
    if (layer > config.n_layers) {
      return fail(ErrorCode::out_of_range,
                  fmt::format("exit layer {} was asked for, {} has {} layers", layer, config.name,
                              config.n_layers),
                  fmt::format("Choose 1 to {}, or 0 for all.", config.n_layers));
    }
    if (layer == 0) layer = config.n_layers;
  }
  std::size_t longest = 0;
  for (const Window& window : windows) longest = std::max(longest, window.tokens.size());
  if (longest > config.context_length) {
    return fail(ErrorCode::out_of_range,
                fmt::format("windows of {} tokens do not fit the context of {}, {} tokens", longest,
                            config.name, config.context_length),
                fmt::format("Choose --ctx {} or less.", config.context_length));
  }
  engine::SessionOptions options;
  options.context = static_cast<std::uint32_t>(std::max<std::size_t>(longest, 1));
  WATTLE_TRY(auto session, engine::Session::create(std::move(model), options));
  return WindowRunner(std::move(session), std::move(layers));
}

Status WindowRunner::feed(const Window& window, std::size_t begin, std::size_t end,
                          const Row& row) {
  if (begin == 0) session_->rewind(0);
  const std::size_t n_vocab = session_->model().config().n_vocab;
  const auto tokens = std::span(window.tokens).subspan(begin, end - begin);
  std::size_t shown = 0;  // layers come in the order asked for, over and over
  return engine::visit_logits(*session_, tokens, layers_, [&](const engine::LogitsBlock& block) {
    const std::size_t layer = shown++ % layers_.size();
    const std::size_t first = begin + block.first + 1;
    pool_->for_each(block.n_positions, [&](std::size_t i, std::size_t) {
      const std::size_t token = first + i;
      if (token < window.first_scored || token >= window.tokens.size()) return;
      row(layer, token, block.logits.subspan(i * n_vocab, n_vocab));
    });
  });
}

}  // namespace wattle::lab
