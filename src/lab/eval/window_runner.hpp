#pragma once
// A model's distributions over the scored tokens of windows (internal to perplexity and
// divergence).

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "engine/generate.hpp"
#include "lab/eval/windows.hpp"

namespace wattle::lab {

class WindowRunner {
 public:
  // Errors: no room for the KV cache, windows longer than the model's context, a layer outside the
  // model.
  static Result<WindowRunner> create(std::shared_ptr<const engine::Model> model,
                                     std::span<const Window> windows,
                                     std::vector<std::uint32_t> layers);

  // Layers 1 … n_layers, as asked for.
  [[nodiscard]] const std::vector<std::uint32_t>& layers() const { return layers_; }
  [[nodiscard]] const engine::Model& model() const { return session_->model(); }

  // Feeds tokens[begin, end) of a window; begin 0 starts anew. For every token predicted by them
  // that is scored, for every layer (index in layers()), on several threads at once:
  // row(layer index, index of the predicted token in the window, logits that predict it [n_vocab]).
  // Blocks of positions come one after another and, in a block, layers in their order: a later
  // layer may use what an earlier one has left for the same positions.
  using Row = std::function<void(std::size_t layer, std::size_t token, std::span<const float>)>;
  [[nodiscard]] Status feed(const Window& window, std::size_t begin, std::size_t end,
                            const Row& row);

 private:
  WindowRunner(std::unique_ptr<engine::Session> session, std::vector<std::uint32_t> layers);
  std::unique_ptr<engine::Session> session_;
  std::vector<std::uint32_t> layers_;
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace wattle::lab
