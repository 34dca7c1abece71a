#include "engine/session.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::engine {
namespace {

std::size_t round_up(std::size_t n, std::size_t step) {
  return (n + step - 1) / step * step;
}

}  // namespace

SessionState::SessionState(std::shared_ptr<const Transformer> model, KvTable cache,
                           std::uint32_t context, std::uint32_t batch)
    : model_(std::move(model)),
      cache_(std::move(cache)),
      context_(context),
      batch_(batch),
      cached_layers_(model_->config().n_layers) {}

void SessionState::rewind(std::uint32_t position) {
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

Scratch& SessionState::scratch(std::size_t n) {
  Scratch& s = scratch_;
  if (n <= s.capacity) return s;
  const ModelConfig& c = model_->config();
  const std::size_t d_q = std::size_t{c.n_heads} * c.head_dim;
  const std::size_t d_kv = std::size_t{c.n_kv_heads} * c.head_dim;
  s.capacity = n;
  for (auto* rows : {&s.hidden, &s.normed, &s.projected}) rows->resize(n * c.d_model);
  for (auto* rows : {&s.q, &s.attended}) rows->resize(n * d_q);
  for (auto* rows : {&s.k, &s.v}) rows->resize(n * d_kv);
  for (auto* rows : {&s.gate, &s.up}) rows->resize(n * c.d_ff);
  for (auto* rows : {&s.cosine, &s.sine}) rows->resize(n * (c.rope_dims / 2));
  s.score_stride = round_up(context_, kKeyGroup);
  s.scores.resize(static_cast<std::size_t>(model_->threads()) * 8 * s.score_stride);
  return s;
}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Model> model,
                                                 const SessionOptions& options) {
  auto transformer = std::dynamic_pointer_cast<const Transformer>(std::move(model));
  if (transformer == nullptr) {
    return fail(ErrorCode::invalid_argument, "cannot open a session: no model was loaded");
  }
  const ModelConfig& config = transformer->config();
  const std::uint32_t context = options.context == 0 ? config.context_length : options.context;
  if (context > config.context_length) {
    return fail(ErrorCode::out_of_range,
                fmt::format("a context of {} tokens was asked for, {} was made for {}", context,
                            config.name, config.context_length),
                fmt::format("Choose at most {}.", config.context_length));
  }
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
