#pragma once
// Prompt in, tokens out: prefill, decode, stop. The observer sees the phases, so that meter can
// open and close energy windows around them.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/model.hpp"

namespace wattle::engine {

// i8: a scale for each position, KV head, and key or value (docs/kv-cache.md).
enum class KvType { f16, f32, i8 };

struct SessionOptions {
  std::uint32_t context = 0;     // positions the KV cache holds; 0: the model's context_length
  KvType kv_type = KvType::f16;  // a model loaded with `exact` always uses f32
  std::uint32_t kv_page = 64;    // positions a page of the cache holds, rounded up to 16s; results
                                 // do not depend on it
  std::uint32_t batch = 256;  // prompt positions processed at a time; results do not depend on it
  // Allows a context longer than the model was made for: to measure speed. Answers are no use
  // there.
  bool beyond_context = false;
};

// KV cache, scratch memory and position of one sequence. One thread at a time.
class Session {
 public:
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<const Model> model,
                                                 const SessionOptions& options = {});
  virtual ~Session() = default;
  [[nodiscard]] virtual const Model& model() const = 0;
  [[nodiscard]] virtual std::uint32_t position() const = 0;  // tokens in the cache
  [[nodiscard]] virtual std::uint32_t context() const = 0;
  [[nodiscard]] virtual std::uint64_t kv_bytes() const = 0;
  // Forget everything after `position`.
  virtual void rewind(std::uint32_t position) = 0;
};

// Added to a token's logit before everything else; −∞ forbids it.
struct LogitBias {
  TokenId id = 0;
  float bias = 0.0F;
};

// How a token is chosen; docs/sampling.md gives the order of the steps and their formulas.
struct SamplingOptions {
  float temperature = 0.0F;  // 0: greedy
  int top_k = 0;             // 0: off
  float top_p = 1.0F;        // 1: off
  float min_p = 0.0F;        // 0: off
  std::uint64_t seed = 0;
  float typical_p = 1.0F;           // 1: off
  float repetition_penalty = 1.0F;  // 1: off; over the last repeat_last_n tokens,
  int repeat_last_n = 64;           // prompt and generated; −1: all, 0: none
  float presence_penalty = 0.0F;    // 0: off; over the generated tokens
  float frequency_penalty = 0.0F;   // likewise, times their number
  std::vector<LogitBias> logit_bias;
};

// Leave where the most probable token is more probable than `upper`, or where one and the same
// token has been the most probable, and more probable than `lower`, for `n_layers` layers in a row.
struct ConfidenceExit {
  float upper = 1.0F;
  float lower = 1.0F;  // at most `upper`
  std::uint32_t n_layers = 1;
};

// What later, deeper tokens find in the layers that a token skipped (docs/early-exit.md):
// propagate: keys and values of the state that it left with; recompute: those of the whole model,
// worked out when a token first goes that deep.
enum class ExitKv { propagate, recompute };

// Leaving before the last layer: the final norm and output head are applied to the hidden state
// after layer `layer`. Layers are counted from 1; layer n_layers is the whole model. With one of
// the rules (entropy, margin, confidence; not two of them) a token leaves after the first layer
// ≥ min_layer that the rule holds at, `layer` at the latest.
struct ExitOptions {
  std::uint32_t layer = 0;            // fixed exit; 0: full depth
  std::optional<float> entropy_nats;  // the next-token entropy is below this
  std::uint32_t min_layer = 1;
  std::optional<float> margin;  // p1 − p2 of the two most probable tokens is above this
  std::optional<ConfidenceExit> confidence;
  ExitKv kv = ExitKv::propagate;
};

// Guessing tokens ahead and checking the guesses in one pass. The output is the same, bit for bit,
// as without (docs/speculation.md).
struct SpeculationOptions {
  enum class Kind {
    none,
    self,    // guesses come from the first `draft_layers` layers of the model
    lookup,  // and from what followed the same tokens earlier in prompt and output
  };
  Kind kind = Kind::none;
  std::uint32_t draft_layers = 0;
  std::uint32_t n_draft = 0;  // guesses per pass, at most kMaxDraft; 0: the default of the kind
  // self: guessing ends before a token that the draft layers give less than this probability.
  float min_confidence = 0.5F;
};
inline constexpr std::uint32_t kMaxDraft = 64;

class Grammar;  // engine/grammar.hpp

struct GenerateOptions {
  std::uint32_t max_tokens = 256;
  SamplingOptions sampling;
  ExitOptions exit;
  std::vector<std::string> stop;  // generation ends before the first of these strings
  bool ignore_eos = false;        // benchmarks: always max_tokens tokens
  // If there is one, the output is always the beginning of a text of this grammar, and a whole one
  // where generation ends by end_of_text (which it also does where nothing may follow). Sampling
  // chooses among the allowed tokens. Not together with ignore_eos.
  std::shared_ptr<const Grammar> grammar;
  std::uint32_t n_logprobs = 0;  // GeneratedToken::top_logprobs; at most kMaxLogprobs
  SpeculationOptions speculation;
};
inline constexpr std::uint32_t kMaxLogprobs = 100;

enum class StopReason { end_of_text, stop_string, max_tokens, context_full, cancelled };
[[nodiscard]] const char* stop_reason_name(StopReason reason);

struct TokenLogprob {
  TokenId id = 0;
  float logprob = 0.0F;
};

struct GeneratedToken {
  TokenId id = 0;
  std::uint32_t layers = 0;   // layers that were run for it
  float entropy_nats = 0.0F;  // of the model's distribution at temperature 1, over all tokens
  float logprob =
      0.0F;  // natural log of its probability there, whatever the sampling options and grammar
  // The n_logprobs most probable tokens there, the most probable first, ties by id.
  std::vector<TokenLogprob> top_logprobs;
};

// Called on the generating thread; the order is prefill_begin, prefill_end (the first token's
// logits exist), then for each token: token, decode step…, finally decode_end.
class GenerateObserver {
 public:
  virtual ~GenerateObserver() = default;
  virtual void prefill_begin(std::size_t /*n_prompt_tokens*/) {}
  virtual void prefill_end() {}
  // `text` is what may be printed now (whole characters, nothing of a possible stop string).
  // Returning false cancels.
  virtual bool token(const GeneratedToken& /*token*/, std::string_view /*text*/) { return true; }
  // Once, before decode_end, if text was still held back when generation ended.
  virtual void text_rest(std::string_view /*text*/) {}
  // Per-layer entropy. If wants_layer_entropy() is true, layer_entropy is called for each layer
  // that is run for a token, before that token's token(): the entropy in nats of the next-token
  // distribution an exit after `layer` would give. Costs one output head per layer.
  [[nodiscard]] virtual bool wants_layer_entropy() const { return false; }
  virtual void layer_entropy(std::uint32_t /*layer*/, float /*entropy_nats*/) {}
  virtual void decode_end() {}
};

struct SpeculationStats {
  std::uint64_t n_drafted = 0;
  std::uint64_t n_accepted = 0;
  std::uint64_t n_passes = 0;        // over all layers, after the prefill
  std::uint64_t n_rows = 0;          // positions in these passes
  std::uint64_t n_draft_passes = 0;  // of one position each over the draft layers (self)
  [[nodiscard]] double acceptance() const {
    return n_drafted == 0 ? 0.0 : static_cast<double>(n_accepted) / static_cast<double>(n_drafted);
  }
};

struct GenerateResult {
  std::vector<GeneratedToken> tokens;  // without the end-of-text token
  std::string text;
  StopReason stop = StopReason::max_tokens;
  std::size_t n_prompt_tokens = 0;
  std::size_t n_reused_tokens = 0;  // of the prompt, found in the cache (scheduler.hpp)
  // The last token is in `tokens` but not yet in the session: to continue, put it before the next
  // prompt.
  bool last_token_pending = false;
  std::optional<SpeculationStats> speculation;  // if it was asked for
};

// Errors: empty prompt, prompt longer than the remaining context, exit layer outside the model;
// with a grammar: no token of the vocabulary can go on (the observer has seen the text so far).
[[nodiscard]] Result<GenerateResult> generate(Session& session, std::span<const TokenId> prompt,
                                              const GenerateOptions& options,
                                              GenerateObserver* observer = nullptr);

// Statistics of one position's next-token distribution.
struct PositionLogits {
  TokenId argmax = 0;
  double logsumexp = 0.0;
  double entropy_nats = 0.0;
  std::vector<float> logits;  // [n_vocab]
};
// Logits of every position of `tokens` in one pass (appends to the session).
[[nodiscard]] Result<std::vector<PositionLogits>> all_logits(Session& session,
                                                             std::span<const TokenId> tokens,
                                                             std::uint32_t exit_layer = 0);

// Next-token logits of some neighbouring positions after one layer.
struct LogitsBlock {
  std::uint32_t layer = 0;        // counted from 1
  std::size_t first = 0;          // index in the tokens given
  std::size_t n_positions = 0;    // at most 32
  std::span<const float> logits;  // [n_positions, n_vocab], valid during the call
};
using LogitsVisitor = std::function<void(const LogitsBlock&)>;
// Appends `tokens` to the session in one pass and shows the logits of every position after each of
// `exit_layers` (1 … n_layers, 0 or an empty list: full depth), in bounded memory: positions in
// order, and each block of them for all layers in the order given. Bit for bit what all_logits()
// gives for each layer alone. Errors: as generate(); cancelled between batches after Ctrl-C.
[[nodiscard]] Status visit_logits(Session& session, std::span<const TokenId> tokens,
                                  std::span<const std::uint32_t> exit_layers,
                                  const LogitsVisitor& visit);

}  // namespace wattle::engine
