// Rows of several sequences in one pass: the logits of each are the bits it has alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/test_folder.hpp"
#include "engine/forward.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

// A sequence whose tokens are known beforehand. Every token after the prompt leaves after a depth
// of its own.
struct Script {
  std::vector<TokenId> tokens;
  std::size_t n_prompt = 0;
  std::vector<std::uint32_t> depth;  // [tokens], of the model's layers in the prompt
};

std::vector<Script> scripts(std::uint32_t n_layers) {
  std::mt19937 random(11);
  std::vector<Script> all(6);
  for (Script& script : all) {
    script.n_prompt = 1 + random() % 20;
    const std::size_t n = script.n_prompt + random() % 16;
    for (std::size_t i = 0; i < n; ++i) {
      script.tokens.push_back(static_cast<TokenId>(random() % 320));
      script.depth.push_back(
          i < script.n_prompt ? n_layers : 1 + static_cast<std::uint32_t>(random() % n_layers));
    }
  }
  return all;
}

using Logits = std::vector<std::vector<float>>;  // after the prompt and after each later token

Logits alone(const std::shared_ptr<const Model>& model, const Script& script, KvType type) {
  const auto session = *Session::create(model, {.kv_type = type});
  auto& state = dynamic_cast<SessionState&>(*session);
  const ModelConfig& config = model->config();
  Logits result;
  for (std::size_t t = 0; t < script.tokens.size();) {
    const std::size_t n = t == 0 ? script.n_prompt : 1;
    ForwardOptions options{.n_layers = config.n_layers};
    const std::uint32_t depth = script.depth[t];
    if (t > 0) options.hook = [depth](std::uint32_t layer, const float*) { return layer < depth; };
    const auto out = forward(state, std::span(script.tokens).subspan(t, n), options);
    EXPECT_EQ(out.layers, depth);
    result.emplace_back(config.n_vocab);
    output_head(state, out.hidden, 1, result.back().data());
    t += n;
  }
  return result;
}

struct State {
  const Script& script;
  KvTable cache;
  std::size_t done = 0;
  Logits logits;
};

// One step: a random piece of each prompt, a token of each of the others, or nothing.
void step(const Transformer& model, Scratch& scratch, std::vector<State>& states,
          std::mt19937& random) {
  std::vector<Chunk> chunks;
  std::vector<State*> owners;
  for (State& state : states) {
    const Script& script = state.script;
    if (state.done == script.tokens.size() || random() % 4 == 0) continue;
    const bool prompt = state.done < script.n_prompt;
    const std::size_t n = prompt ? 1 + random() % (script.n_prompt - state.done) : 1;
    ASSERT_TRUE(state.cache.reserve(state.done, state.done + n));
    Chunk chunk{.cache = &state.cache,
                .start = static_cast<std::uint32_t>(state.done),
                .tokens = std::span(script.tokens).subspan(state.done, n),
                .n_layers = model.config().n_layers};
    state.done += n;
    chunk.wanted = state.done < script.n_prompt ? Chunk::Wanted::none : Chunk::Wanted::last;
    chunk.watch = !prompt;
    chunks.push_back(chunk);
    owners.push_back(&state);
  }
  const auto hook = [&](std::uint32_t layer, std::span<Look> looks) {
    for (Look& look : looks) {
      const State& state = *owners[look.chunk];
      look.leave = layer == state.script.depth[state.done - 1];
    }
  };
  const std::uint32_t context = model.config().context_length;
  forward(model, scratch, context, chunks, hook);
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    if (chunks[c].wanted == Chunk::Wanted::none) continue;
    EXPECT_EQ(chunks[c].layers, owners[c]->script.depth[owners[c]->done - 1]);
    Logits& logits = owners[c]->logits;
    logits.emplace_back(model.config().n_vocab);
    output_head(model, scratch, context, std::span(&chunks[c].hidden, 1), logits.back().data());
  }
}

TEST(BatchForward, TheLogitsOfEveryRowAreTheBitsItHasAlone) {
  const TestFolder folder;
  const auto path = folder.path() / "model.gguf";
  for (const TestShape& shape :
       {TestShape{.n_layers = 4}, TestShape{.type = TensorType::q8_0, .n_layers = 4},
        TestShape{.type = TensorType::f16, .n_layers = 4},
        TestShape{
            .type = TensorType::q4_k, .n_layers = 4, .d_model = 256, .d_ff = 256, .head_dim = 64},
        TestShape{.type = TensorType::q4_0, .n_layers = 4, .gemma2 = true}}) {
    ASSERT_TRUE(TestModel(shape).write(path));
    for (const int threads : {1, 3}) {
      const auto model = *Model::load(path, {.threads = threads});
      const auto& transformer = dynamic_cast<const Transformer&>(*model);
      for (const KvType type : {KvType::f16, KvType::i8}) {
        const auto all = scripts(4);
        const auto pool = *KvPool::create(model->config(), type, 16, 24, "a test", "");
        std::vector<State> states;
        for (const Script& script : all) states.push_back({script, KvTable(pool), 0, {}});
        std::mt19937 random(5);
        Scratch scratch;
        while (std::ranges::any_of(
            states, [](const State& s) { return s.done < s.script.tokens.size(); })) {
          step(transformer, scratch, states, random);
        }
        for (const State& state : states) {
          EXPECT_EQ(state.logits, alone(model, state.script, type));
        }
      }
    }
  }
}

}  // namespace
}  // namespace wattle::engine
