#include "engine/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace wattle::engine {
namespace {

std::size_t round_up(std::size_t n, std::size_t step) {
  return (n + step - 1) / step * step;
}

}  // namespace

Result<KvCache> KvCache::create(const ModelConfig& config, std::uint32_t context, KvType type) {
  KvCache cache;
  cache.type_ = type;
  cache.element_bytes_ = type == KvType::f16 ? 2 : 4;
  cache.n_heads_ = config.n_kv_heads;
  cache.head_dim_ = config.head_dim;
  cache.value_stride_ = round_up(config.head_dim, kKeyGroup);
  cache.n_positions_ = round_up(context, kKeyGroup);
  const std::size_t rows = saturating_product(std::size_t{config.n_layers} * config.n_kv_heads,
                                              cache.n_positions_ * cache.element_bytes_);
  const std::string purpose = fmt::format("the KV cache of {} positions", context);
  const std::string remedy = "Choose a smaller context (--ctx).";
  WATTLE_TRY(cache.keys_,
             Buffer::create(saturating_product(rows, cache.head_dim_), purpose, remedy));
  WATTLE_TRY(cache.values_,
             Buffer::create(saturating_product(rows, cache.value_stride_), purpose, remedy));
  cache.narrow_.resize(2 * cache.n_heads_ * cache.head_dim_);
  return cache;
}

template <class Element>
void KvCache::store_as(std::size_t layer, std::size_t position, const Element* k,
                       const Element* v) {
  for (std::size_t head = 0; head < n_heads_; ++head) {
    const std::size_t row = (layer * n_heads_ + head) * n_positions_;
    Element* key = keys_.as<Element>() + (row + position / kKeyGroup * kKeyGroup) * head_dim_ +
                   position % kKeyGroup;
    for (std::size_t d = 0; d < head_dim_; ++d) key[d * kKeyGroup] = k[head * head_dim_ + d];
    Element* value = values_.as<Element>() + (row + position) * value_stride_;
    std::memcpy(value, v + head * head_dim_, head_dim_ * sizeof(Element));
  }
}

void KvCache::store(const Kernels& kernels, std::size_t layer, std::size_t position, const float* k,
                    const float* v) {
  if (type_ == KvType::f32) return store_as(layer, position, k, v);
  const std::size_t n = n_heads_ * head_dim_;
  kernels.to_f16(k, n, narrow_.data());
  kernels.to_f16(v, n, narrow_.data() + n);
  store_as<std::uint16_t>(layer, position, narrow_.data(), narrow_.data() + n);
}

const void* KvCache::keys(std::size_t layer, std::size_t head) const {
  return keys_.data() + (layer * n_heads_ + head) * n_positions_ * head_dim_ * element_bytes_;
}

const void* KvCache::values(std::size_t layer, std::size_t head) const {
  return values_.data() + (layer * n_heads_ + head) * n_positions_ * value_stride_ * element_bytes_;
}

SessionState::SessionState(std::shared_ptr<const Transformer> model, KvCache cache,
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
  WATTLE_TRY(KvCache cache, KvCache::create(config, context, type));
  const std::uint32_t batch = std::clamp<std::uint32_t>(options.batch, 1, 4096);
  return std::make_unique<SessionState>(std::move(transformer), std::move(cache), context, batch);
}

}  // namespace wattle::engine
