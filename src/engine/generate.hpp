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

enum class KvType { f16, f32 };

struct SessionOptions {
  std::uint32_t context = 0;     // positions the KV cache holds; 0: the model's context_length
  KvType kv_type = KvType::f16;  // a model loaded with `exact` always uses f32
  std::uint32_t batch = 256;  // prompt positions processed at a time; results do not depend on it
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

struct SamplingOptions {
  float temperature = 0.0F;  // 0: greedy
  int top_k = 0;             // 0: off
  float top_p = 1.0F;        // 1: off
  float min_p = 0.0F;        // 0: off
  std::uint64_t seed = 0;
};

// Leaving before the last layer: the final norm and output head are applied to the hidden state
// after layer `layer`. Layers are counted from 1; layer n_layers is the whole model.
struct ExitOptions {
  std::uint32_t layer = 0;            // fixed exit; 0: full depth
  std::optional<float> entropy_nats;  // leave after the first layer ≥ min_layer whose
  std::uint32_t min_layer = 1;        // next-token entropy is below this
};

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
};

enum class StopReason { end_of_text, stop_string, max_tokens, context_full, cancelled };
[[nodiscard]] const char* stop_reason_name(StopReason reason);

struct GeneratedToken {
  TokenId id = 0;
  std::uint32_t layers = 0;   // layers that were run for it
  float entropy_nats = 0.0F;  // of the model's distribution at temperature 1, over all tokens
  float logprob = 0.0F;       // natural log of its probability there, also under a grammar
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

struct GenerateResult {
  std::vector<GeneratedToken> tokens;  // without the end-of-text token
  std::string text;
  StopReason stop = StopReason::max_tokens;
  std::size_t n_prompt_tokens = 0;
  // The last token is in `tokens` but not yet in the session: to continue, put it before the next
  // prompt.
  bool last_token_pending = false;
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
