#include "engine/batch_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/interrupt.hpp"
#include "engine/batch_step.hpp"
#include "engine/session.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kPrefillTokens = 256;

class StepDecoder final : public BatchDecoder {
 public:
  StepDecoder(std::shared_ptr<const Transformer> model, std::uint32_t n_sequences,
              std::uint32_t context, const std::shared_ptr<KvPool>& pool)
      : model_(std::move(model)),
        context_(context),
        step_(*model_, context),
        next_(n_sequences, TokenId{0}) {
    for (std::uint32_t i = 0; i < n_sequences; ++i) {
      sequences_.push_back(std::make_unique<Sequence>(i, std::vector<TokenId>(), GenerateOptions{},
                                                      nullptr, model_->config().n_layers, pool));
    }
  }

  Status prefill(std::span<const TokenId> tokens) override;
  Status set_next(std::span<const TokenId> tokens) override;
  Status step() override;
  [[nodiscard]] std::span<const TokenId> next() const override { return next_; }
  [[nodiscard]] std::uint32_t position() const override { return sequences_.front()->position; }
  void rewind(std::uint32_t position) override {
    for (const auto& sequence : sequences_) {
      sequence->position = std::min(sequence->position, position);
    }
  }

 private:
  [[nodiscard]] Status check_tokens(std::span<const TokenId> tokens) const;
  [[nodiscard]] Status check_room(std::size_t n) const;

  std::shared_ptr<const Transformer> model_;
  std::uint32_t context_;
  BatchStep step_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
  std::vector<TokenId> next_;
  std::vector<BatchStep::Part> parts_;
};

Status no_pages() {
  return fail(ErrorCode::internal, "the KV cache has lost count of pages");
}

Status StepDecoder::check_tokens(std::span<const TokenId> tokens) const {
  const std::uint32_t n_vocab = model_->config().n_vocab;
  for (const TokenId token : tokens) {
    if (token >= 0 && static_cast<std::uint32_t>(token) < n_vocab) continue;
    return fail(ErrorCode::out_of_range,
                fmt::format("token {} is outside the vocabulary of {}", token, n_vocab));
  }
  return {};
}

Status StepDecoder::check_room(std::size_t n) const {
  if (n <= context_ - position()) return {};
  return fail(
      ErrorCode::out_of_range,
      fmt::format("{} more tokens do not fit the context {} after {}", n, context_, position()),
      "Choose a longer context, or rewind.");
}

Status StepDecoder::prefill(std::span<const TokenId> tokens) {
  WATTLE_CHECK(check_tokens(tokens));
  for (const auto& sequence : sequences_) {
    sequence->cache.truncate(0);
    sequence->position = 0;
  }
  WATTLE_CHECK(check_room(tokens.size()));
  Sequence& first = *sequences_.front();
  while (first.position < tokens.size()) {
    if (interrupted()) return fail(ErrorCode::cancelled, "interrupted");
    const std::size_t n = std::min(kPrefillTokens, tokens.size() - first.position);
    if (!first.cache.reserve(first.position, first.position + n)) return no_pages();
    const BatchStep::Part part{&first, tokens.subspan(first.position, n), false};
    step_.run({&part, 1});
    first.position += static_cast<std::uint32_t>(n);
  }
  for (const auto& sequence : std::span(sequences_).subspan(1)) {
    for (std::size_t page = 0; page < first.cache.n_pages(); ++page) {
      if (!sequence->cache.append_copy(first.cache.pages()[page])) return no_pages();
    }
    sequence->position = first.position;
  }
  return {};
}

Status StepDecoder::set_next(std::span<const TokenId> tokens) {
  if (tokens.size() != next_.size()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} tokens for {} sequences", tokens.size(), next_.size()));
  }
  WATTLE_CHECK(check_tokens(tokens));
  std::ranges::copy(tokens, next_.begin());
  return {};
}

Status StepDecoder::step() {
  WATTLE_CHECK(check_room(1));
  parts_.clear();
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    Sequence& sequence = *sequences_[i];
    if (!sequence.cache.reserve(sequence.position, sequence.position + 1)) return no_pages();
    parts_.push_back({&sequence, std::span(next_).subspan(i, 1), true});
  }
  step_.run(parts_);
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    ++sequences_[i]->position;
    next_[i] = sequences_[i]->next.stats.argmax;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<BatchDecoder>> BatchDecoder::create(std::shared_ptr<const Model> model,
                                                           const BatchDecoderOptions& options) {
  auto transformer = std::dynamic_pointer_cast<const Transformer>(std::move(model));
  if (transformer == nullptr) {
    return fail(ErrorCode::invalid_argument, "cannot decode a batch: no model was loaded");
  }
  if (options.n_sequences == 0) {
    return fail(ErrorCode::out_of_range, "a batch of 0 sequences was asked for",
                "Choose at least 1.");
  }
  const ModelConfig& config = transformer->config();
  WATTLE_TRY(const std::uint32_t context,
             choose_context(config, options.context, options.beyond_context));
  constexpr std::uint32_t kPage = 64;
  const KvType type = transformer->exact() ? KvType::f32 : options.kv_type;
  const std::size_t positions = KvLayout(config, type, kPage).page_positions;
  WATTLE_TRY(
      auto pool,
      KvPool::create(
          config, type, kPage, options.n_sequences * ((context + positions - 1) / positions),
          fmt::format("the KV cache of {} sequences of {} positions", options.n_sequences, context),
          "Choose fewer sequences (-b), or a smaller depth (-d)."));
  return std::make_unique<StepDecoder>(std::move(transformer), options.n_sequences, context, pool);
}

}  // namespace wattle::engine
