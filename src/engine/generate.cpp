#include "engine/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/interrupt.hpp"
#include "engine/decoding.hpp"
#include "engine/deferred_positions.hpp"
#include "engine/exit_policy.hpp"
#include "engine/forward.hpp"
#include "engine/request.hpp"
#include "engine/speculative.hpp"

namespace wattle::engine {
namespace {

Status check_tokens(const Session& session, std::span<const TokenId> tokens) {
  return check_tokens(session.model().config(), session.context(), session.position(), tokens);
}

Result<std::uint32_t> layers_to_run(const SessionState& session, std::uint32_t exit_layer) {
  const std::uint32_t n_layers = session.model().config().n_layers;
  WATTLE_CHECK(check_exit_layer(session.model().config(), exit_layer));
  const std::uint32_t layers = exit_layer == 0 ? n_layers : exit_layer;
  if (layers > session.cached_layers()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("layer {} was asked for, but earlier tokens in the cache left after "
                            "layer {}",
                            layers, session.cached_layers()),
                "Keep to one exit layer in a session, or rewind it to position 0.");
  }
  return layers;
}

// Feeds tokens and leaves the distribution of the next one, by way of the exits.
class Generator {
 public:
  Generator(SessionState& session, std::uint32_t n_layers, const ExitOptions& exit,
            GenerateObserver& observer)
      : session_(session),
        n_layers_(n_layers),
        policy_(exit, n_layers),
        recompute_(policy_.has_rule() && exit.kv == ExitKv::recompute),
        observer_(observer) {
    next_.logits.resize(session.model().config().n_vocab);
  }

  // False: interrupted between two batches.
  bool prefill(std::span<const TokenId> prompt) {
    while (!prompt.empty()) {
      if (interrupted()) return false;
      const std::size_t n = std::min<std::size_t>(prompt.size(), session_.batch());
      // The whole prompt goes through all layers, also where an exit is taken for the first token:
      // the keys and values of the prompt are exact.
      run(prompt.first(n), n == prompt.size(), /*leave=*/false);
      prompt = prompt.subspan(n);
    }
    return true;
  }

  void decode(TokenId token) { run(std::span(&token, 1), true, /*leave=*/true); }

  [[nodiscard]] const Distribution& next() const { return next_; }

 private:
  void run(std::span<const TokenId> tokens, bool wanted, bool leave) {
    bool taken = false;
    policy_.begin();
    ForwardOptions options{.n_layers = n_layers_};
    if (wanted && (policy_.has_rule() || observer_.wants_layer_entropy())) {
      options.hook = [&](std::uint32_t layer, const float* hidden) {
        if (taken) return true;
        taken = look(layer, hidden);
        return !(taken && leave);
      };
    }
    const ForwardResult result =
        leave && recompute_ ? forward_deferring(session_, tokens.front(), n_layers_, options.hook)
                            : forward(session_, tokens, options);
    if (wanted && !taken) look(result.layers, result.hidden);
  }

  // Computes the distribution after a layer, if it is needed. True: this is the exit.
  bool look(std::uint32_t layer, const float* hidden) {
    const bool may_leave = policy_.looks_at(layer);
    if (!may_leave && !observer_.wants_layer_entropy()) return false;
    output_head(session_, hidden, 1, next_.logits.data());
    next_.stats = session_.transformer().compute().kernels->softmax_stats(next_.logits.data(),
                                                                          next_.logits.size());
    next_.layers = layer;
    const auto entropy = static_cast<float>(next_.entropy_nats());
    if (observer_.wants_layer_entropy()) observer_.layer_entropy(layer, entropy);
    return may_leave && policy_.leaves(layer, next_);
  }

  SessionState& session_;
  std::uint32_t n_layers_;
  ExitPolicy policy_;
  bool recompute_;
  GenerateObserver& observer_;
  Distribution next_;
};

// From the first token's distribution to the stop.
Status decode(SessionState& session, Generator& generator, Decoding& decoding,
              GenerateResult& result) {
  for (;;) {
    WATTLE_TRY(const bool go_on, decoding.choose(generator.next()));
    if (!go_on) return {};
    if (session.position() == session.context()) {
      decoding.stop(StopReason::context_full);
      return {};
    }
    generator.decode(result.tokens.back().id);
    result.last_token_pending = false;
  }
}

Result<SessionState*> state_of(Session& session) {
  auto* state = dynamic_cast<SessionState*>(&session);
  if (state == nullptr) return fail(ErrorCode::internal, "the session was not made by create()");
  return state;
}

}  // namespace

const char* stop_reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::end_of_text:
      return "end_of_text";
    case StopReason::stop_string:
      return "stop_string";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::context_full:
      return "context_full";
    case StopReason::cancelled:
      return "cancelled";
  }
  return "";
}

Result<GenerateResult> generate(Session& session, std::span<const TokenId> prompt,
                                const GenerateOptions& options, GenerateObserver* observer) {
  WATTLE_TRY(SessionState * state, state_of(session));
  WATTLE_CHECK(check_tokens(session, prompt));
  WATTLE_CHECK(check_options(session.model().config(), options));
  WATTLE_TRY(const std::uint32_t n_layers, layers_to_run(*state, options.exit.layer));
  GenerateObserver silent;
  if (observer == nullptr) observer = &silent;
  WATTLE_CHECK(check_speculation(options, n_layers, observer->wants_layer_entropy()));
  GenerateResult result;
  result.n_prompt_tokens = prompt.size();
  Generator generator(*state, n_layers, options.exit, *observer);
  observer->prefill_begin(prompt.size());
  complete_deferred(*state);
  const bool whole = generator.prefill(prompt);
  observer->prefill_end();
  Status status;
  if (whole) {
    Decoding decoding(session.model().tokenizer(), options, *observer, result, prompt);
    status = options.speculation.kind == SpeculationOptions::Kind::none
                 ? decode(*state, generator, decoding, result)
                 : decode_speculatively(*state, n_layers, options, prompt, generator.next(),
                                        decoding, result);
    decoding.finish();
  } else {
    result.stop = StopReason::cancelled;
  }
  observer->decode_end();
  WATTLE_CHECK(status);
  return result;
}

Status visit_logits(Session& session, std::span<const TokenId> tokens,
                    std::span<const std::uint32_t> exit_layers, const LogitsVisitor& visit) {
  constexpr std::size_t kRows = 32;  // a block of logits is a few MB, and the head still multiplies
  WATTLE_TRY(SessionState * state, state_of(session));
  WATTLE_CHECK(check_tokens(session, tokens));
  std::vector<std::uint32_t> layers;
  for (const std::uint32_t exit_layer : exit_layers) {
    WATTLE_TRY(const std::uint32_t layer, layers_to_run(*state, exit_layer));
    layers.push_back(layer);
  }
  if (layers.empty()) {
    WATTLE_TRY(const std::uint32_t all, layers_to_run(*state, 0));
    layers.push_back(all);
  }
  complete_deferred(*state);
  const std::size_t d_model = session.model().config().d_model;
  const std::size_t n_vocab = session.model().config().n_vocab;
  std::vector<std::vector<float>> hidden(layers.size());  // [layers][batch, d_model]
  std::vector<float> logits;
  for (std::size_t begin = 0; begin < tokens.size();) {
    if (interrupted()) return fail(ErrorCode::cancelled, "interrupted");
    const std::size_t n = std::min<std::size_t>(tokens.size() - begin, state->batch());
    const auto keep = [&](std::uint32_t layer, const float* last) {
      const float* const rows = last - (n - 1) * d_model;
      for (std::size_t i = 0; i < layers.size(); ++i) {
        if (layers[i] == layer) hidden[i].assign(rows, rows + n * d_model);
      }
      return true;
    };
    forward(*state, tokens.subspan(begin, n),
            {.n_layers = *std::ranges::max_element(layers), .all_positions = true, .hook = keep});
    for (std::size_t row = 0; row < n; row += kRows) {
      const std::size_t n_rows = std::min(kRows, n - row);
      logits.resize(n_rows * n_vocab);
      for (std::size_t i = 0; i < layers.size(); ++i) {
        output_head(*state, &hidden[i][row * d_model], n_rows, logits.data());
        visit({layers[i], begin + row, n_rows, logits});
      }
    }
    begin += n;
  }
  return {};
}

Result<std::vector<PositionLogits>> all_logits(Session& session, std::span<const TokenId> tokens,
                                               std::uint32_t exit_layer) {
  const std::size_t n_vocab = session.model().config().n_vocab;
  std::vector<PositionLogits> positions;
  const auto describe = [&](std::span<const float> logits) {
    PositionLogits& position = positions.emplace_back();
    position.logits.assign(logits.begin(), logits.end());
    const auto max = std::max_element(position.logits.begin(), position.logits.end());
    position.argmax = static_cast<TokenId>(max - position.logits.begin());
    double sum = 0.0;
    double weighted = 0.0;
    for (const float logit : position.logits) {
      const double shift = static_cast<double>(logit) - static_cast<double>(*max);
      sum += std::exp(shift);
      weighted += std::exp(shift) * shift;
    }
    position.logsumexp = static_cast<double>(*max) + std::log(sum);
    position.entropy_nats = std::max(0.0, std::log(sum) - weighted / sum);
  };
  WATTLE_CHECK(visit_logits(session, tokens, {&exit_layer, 1}, [&](const LogitsBlock& block) {
    for (std::size_t i = 0; i < block.n_positions; ++i) {
      describe(block.logits.subspan(i * n_vocab, n_vocab));
    }
  }));
  return positions;
}

}  // namespace wattle::engine
