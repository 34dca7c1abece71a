#include "engine/session.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::engine {
SessionState::SessionState(std::shared_ptr<const Transformer> model, KvTable cache,
                           std::uint32_t context, std::uint32_t batch)
    : model_(std::move(model)),
      cache_(std::move(cache)),
      context_(context),
      batch_(batch),
      cached_layers_(model_->config().n_layers) {}

void SessionState::rewind(std::uint32_t position) {
  const std::size_t n_dropped = position_ - std::min(position_, position);
  const std::size_t n_deferred =
      deferred_.depth.size() - std::min(deferred_.depth.size(), n_dropped);
  deferred_.depth.resize(n_deferred);
  deferred_.hidden.resize(n_deferred * model_->config().d_model);
  position_ = std::min(position_, position);
  if (position_ == 0) cached_layers_ = model_->config().n_layers;
}

void SessionState::advance(std::uint32_t n, std::uint32_t n_layers) {
  position_ += n;
  cached_layers_ = std::min(cached_layers_, n_layers);
}

std::uint32_t SessionState::cached_layers() const {
  return cached_layers_;
}

Result<std::uint32_t> choose_context(const ModelConfig& config, std::uint32_t wanted, bool beyond) {
  const std::uint32_t context = wanted == 0 ? config.context_length : wanted;
  if (context <= config.context_length || beyond) return context;
  return fail(ErrorCode::out_of_range,
              fmt::format("a context of {} tokens was asked for, {} was made for {}", context,
                          config.name, config.context_length),
              fmt::format("Choose at most {}.", config.context_length));
}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Model> model,
                                                 const SessionOptions& options) {
  auto transformer = std::dynamic_pointer_cast<const Transformer>(std::move(model));
  if (transformer == nullptr) {
    return fail(ErrorCode::invalid_argument, "cannot open a session: no model was loaded");
  }
  const ModelConfig& config = transformer->config();
  WATTLE_TRY(const std::uint32_t context,
             choose_context(config, options.context, options.beyond_context));
  const KvType type = transformer->exact() ? KvType::f32 : options.kv_type;
  const std::uint32_t page = std::clamp<std::uint32_t>(options.kv_page, 1, 1U << 20U);
  const std::size_t positions = KvLayout(config, type, page).page_positions;
  WATTLE_TRY(auto pool,
             KvPool::create(config, type, page, (context + positions - 1) / positions,
                            fmt::format("the KV cache of {} positions", context),
                            "Choose a smaller context (--ctx), or a smaller type (--kv i8)."));
  const std::uint32_t batch = std::clamp<std::uint32_t>(options.batch, 1, 4096);
  return std::make_unique<SessionState>(std::move(transformer), KvTable(std::move(pool)), context,
                                        batch);
}

}  // namespace wattle::engine
