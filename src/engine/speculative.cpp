#include "engine/speculative.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/exit_policy.hpp"
#include "engine/forward.hpp"

namespace wattle::engine {
namespace {

// Passes of 4 and 8 positions fill the tiles of the matrix products (docs/benchmarks.md).
constexpr std::uint32_t kSelfDraft = 3;
constexpr std::uint32_t kLookupDraft = 7;
constexpr std::size_t kLongestMatch = 3;
constexpr std::size_t kShortestMatch = 2;

std::uint32_t drafts_at_most(const SpeculationOptions& options) {
  if (options.n_draft > 0) return options.n_draft;
  return options.kind == SpeculationOptions::Kind::self ? kSelfDraft : kLookupDraft;
}

class Speculator {
 public:
  Speculator(SessionState& session, std::uint32_t n_layers, const GenerateOptions& options,
             std::span<const TokenId> prompt, Decoding& decoding, GenerateResult& result)
      : session_(session),
        n_layers_(n_layers),
        options_(options),
        decoding_(decoding),
        result_(result),
        stats_(result.speculation.emplace()),
        n_vocab_(session.model().config().n_vocab),
        sequence_(prompt.begin(), prompt.end()) {
    next_.logits.resize(n_vocab_);
    next_.layers = n_layers;
  }

  Status run(const Distribution& first) {
    WATTLE_TRY(bool go_on, decoding_.choose(first));
    while (go_on) {
      if (session_.position() == session_.context()) {
        decoding_.stop(StopReason::context_full);
        return {};
      }
      WATTLE_TRY(go_on, round());
    }
    return {};
  }

 private:
  [[nodiscard]] bool is_self() const {
    return options_.speculation.kind == SpeculationOptions::Kind::self;
  }

  // More guesses than these could never be used.
  [[nodiscard]] std::size_t most() const {
    const std::size_t room = session_.context() - session_.position() - 1;
    const std::size_t wanted = options_.max_tokens - result_.tokens.size() - 1;
    return std::min({std::size_t{drafts_at_most(options_.speculation)}, room, wanted,
                     std::size_t{session_.batch()} - 1});
  }

  // Feeds the last token and guesses, and chooses as many tokens as the guesses allow and one.
  Result<bool> round() {
    const std::uint32_t base = session_.position();
    const TokenId last = result_.tokens.back().id;
    rows_.assign(1, last);
    const float* hidden = is_self() ? draft_self(most()) : draft_lookup(most());
    output_head(session_, hidden, rows_.size(), logits_.data());
    stats_.n_drafted += rows_.size() - 1;
    stats_.n_rows += rows_.size();
    ++stats_.n_passes;
    result_.last_token_pending = false;
    for (std::uint32_t i = 0;; ++i) {
      take_row(i);
      const Result<bool> go_on = decoding_.choose(next_);
      const bool guessed =
          go_on && *go_on && i + 1 < rows_.size() && result_.tokens.back().id == rows_[i + 1];
      if (!guessed) {
        session_.rewind(base + i + 1);
        return go_on;
      }
      ++stats_.n_accepted;
      result_.last_token_pending = false;
    }
  }

  // The draft layers guess token by token; the others then run once over all positions.
  const float* draft_self(std::size_t most) {
    const std::uint32_t n_draft_layers = options_.speculation.draft_layers;
    const std::size_t d_model = session_.model().config().d_model;
    hidden_.clear();
    make_room(1);
    for (;;) {
      const ForwardResult drafted = forward(session_, std::span(&rows_.back(), 1),
                                            {.n_layers = n_draft_layers, .resumable = true});
      ++stats_.n_draft_passes;
      hidden_.insert(hidden_.end(), drafted.hidden, drafted.hidden + d_model);
      if (rows_.size() > most) break;
      output_head(session_, hidden_.data() + hidden_.size() - d_model, 1, logits_.data());
      take_row(0);
      if (next_.confidence() < static_cast<double>(options_.speculation.min_confidence)) break;
      rows_.push_back(next_.stats.argmax);
    }
    make_room(rows_.size());
    return resume(session_, rows_.size(), n_draft_layers, hidden_.data(),
                  {.n_layers = n_layers_, .all_positions = true})
        .hidden;
  }

  const float* draft_lookup(std::size_t most) {
    while (n_seen_ < result_.tokens.size()) sequence_.push_back(result_.tokens[n_seen_++].id);
    const std::vector<TokenId> guesses = lookup_draft(sequence_, most);
    rows_.insert(rows_.end(), guesses.begin(), guesses.end());
    make_room(rows_.size());
    return forward(session_, rows_, {.n_layers = n_layers_, .all_positions = true}).hidden;
  }

  void make_room(std::size_t n_rows) {
    if (logits_.size() < n_rows * n_vocab_) logits_.resize(n_rows * n_vocab_);
  }

  void take_row(std::size_t row) {
    const auto begin = logits_.begin() + static_cast<std::ptrdiff_t>(row * n_vocab_);
    std::copy_n(begin, n_vocab_, next_.logits.begin());
    next_.stats =
        session_.transformer().compute().kernels->softmax_stats(next_.logits.data(), n_vocab_);
  }

  SessionState& session_;
  std::uint32_t n_layers_;
  const GenerateOptions& options_;
  Decoding& decoding_;
  GenerateResult& result_;
  SpeculationStats& stats_;
  std::size_t n_vocab_;
  std::vector<TokenId> sequence_;  // prompt and output (lookup)
  std::size_t n_seen_ = 0;         // of result.tokens in sequence_
  std::vector<TokenId> rows_;      // the last token, then the guesses
  std::vector<float> hidden_;      // [rows, d_model] after the draft layers
  std::vector<float> logits_;      // [rows, n_vocab]
  Distribution next_;
};

}  // namespace

Status decode_speculatively(SessionState& session, std::uint32_t n_layers,
                            const GenerateOptions& options, std::span<const TokenId> prompt,
                            const Distribution& first, Decoding& decoding, GenerateResult& result) {
  return Speculator(session, n_layers, options, prompt, decoding, result).run(first);
}

std::vector<TokenId> lookup_draft(std::span<const TokenId> sequence, std::size_t n_most) {
  for (std::size_t n = kLongestMatch; n >= kShortestMatch; --n) {
    if (sequence.size() <= n) continue;
    const auto tail = sequence.last(n);
    for (std::size_t at = sequence.size() - n; at-- > 0;) {
      if (!std::equal(tail.begin(), tail.end(), sequence.begin() + static_cast<std::ptrdiff_t>(at)))
        continue;
      std::vector<TokenId> draft;
      for (std::size_t i = at + n; draft.size() < n_most; ++i) {
        draft.push_back(i < sequence.size() ? sequence[i] : draft[i - sequence.size()]);
      }
      return draft;
    }
  }
  return {};
}

Status check_speculation(const GenerateOptions& options, std::uint32_t n_layers,
                         bool wants_layer_entropy) {
  const SpeculationOptions& speculation = options.speculation;
  if (speculation.kind == SpeculationOptions::Kind::none) return {};
  if (speculation.n_draft > kMaxDraft) {
    return fail(ErrorCode::out_of_range,
                fmt::format("{} tokens are to be guessed at a time", speculation.n_draft),
                fmt::format("Choose at most {}.", kMaxDraft));
  }
  const bool self = speculation.kind == SpeculationOptions::Kind::self;
  if (self && (speculation.draft_layers == 0 || speculation.draft_layers >= n_layers)) {
    return fail(
        ErrorCode::out_of_range,
        fmt::format("the first {} layers are to guess what {} layers say", speculation.draft_layers,
                    n_layers),
        n_layers > 1 ? fmt::format("Choose 1 to {}.", n_layers - 1) : "Leave out --speculate.");
  }
  if (!(speculation.min_confidence >= 0.0F && speculation.min_confidence <= 1.0F)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the least confidence of a guess is {}", speculation.min_confidence),
                "Give a probability, 0 to 1.");
  }
  if (const std::string rule = exit_rule_name(options.exit); !rule.empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("tokens that leave by a rule ({}) cannot be checked in one pass", rule),
                "Leave out the rule or --speculate; a fixed exit layer goes with both.");
  }
  if (wants_layer_entropy) {
    return fail(ErrorCode::invalid_argument,
                "the entropy of every layer is to be observed, which needs one token at a time",
                "Observe without speculation: the tokens are the same.");
  }
  return {};
}

std::string speculation_name(const SpeculationOptions& options) {
  switch (options.kind) {
    case SpeculationOptions::Kind::none:
      return {};
    case SpeculationOptions::Kind::self:
      return fmt::format("self:{}:{}", options.draft_layers, drafts_at_most(options));
    case SpeculationOptions::Kind::lookup:
      return fmt::format("lookup:{}", drafts_at_most(options));
  }
  return {};
}

}  // namespace wattle::engine
