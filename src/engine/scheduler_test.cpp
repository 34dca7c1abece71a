// Many sequences at once give what each gives alone, whatever joins, leaves or runs beside it.
#include "engine/scheduler.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <random>

#include "base/interrupt.hpp"
#include "base/test_effort.hpp"
#include "base/test_folder.hpp"
#include "engine/grammar.hpp"
#include "engine/kernels/isa.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {

// Everything that must be the same, bit for bit.
bool operator==(const GeneratedToken& a, const GeneratedToken& b) {
  return a.id == b.id && a.layers == b.layers && a.entropy_nats == b.entropy_nats &&
         a.logprob == b.logprob;
}
bool operator==(const GenerateResult& a, const GenerateResult& b) {
  return a.tokens == b.tokens && a.text == b.text && a.stop == b.stop &&
         a.n_prompt_tokens == b.n_prompt_tokens && a.last_token_pending == b.last_token_pending;
}
void PrintTo(const GenerateResult& result, std::ostream* out) {
  *out << stop_reason_name(result.stop) << ":";
  for (const auto& token : result.tokens) *out << ' ' << token.id << '/' << token.layers;
}

namespace {

struct Request {
  std::vector<TokenId> prompt;
  GenerateOptions options;
};

std::vector<TokenId> random_tokens(std::mt19937& random, std::size_t n) {
  std::vector<TokenId> tokens(n);
  for (TokenId& token : tokens) token = static_cast<TokenId>(3 + random() % 300);
  return tokens;
}

GenerateOptions random_options(std::mt19937& random, std::uint32_t n_layers) {
  GenerateOptions options{.max_tokens = 1 + static_cast<std::uint32_t>(random() % 20),
                          .ignore_eos = true};
  if (random() % 3 == 0) options.sampling = {.temperature = 1.2F, .top_k = 40, .seed = random()};
  if (random() % 4 == 0) options.exit.layer = 1 + static_cast<std::uint32_t>(random() % n_layers);
  if (random() % 3 == 0) options.exit.entropy_nats = 4.0F + static_cast<float>(random() % 20) / 10;
  if (!options.exit.entropy_nats && random() % 4 == 0) options.exit.margin = 0.02F;
  if (random() % 4 == 0) options.sampling.repetition_penalty = 1.3F;
  if (random() % 5 == 0) options.stop = {"w2"};
  return options;
}

std::vector<Request> random_requests(std::uint32_t seed, std::size_t n, std::uint32_t n_layers) {
  std::mt19937 random(seed);
  const std::vector<TokenId> shared = random_tokens(random, 40);
  std::vector<Request> requests;
  for (std::size_t i = 0; i < n; ++i) {
    // A part of a prompt that others have, too, then something of its own.
    std::vector<TokenId> prompt(shared.begin(),
                                shared.begin() + static_cast<std::ptrdiff_t>(random() % 41));
    const auto own = random_tokens(random, 1 + random() % 12);
    prompt.insert(prompt.end(), own.begin(), own.end());
    requests.push_back({std::move(prompt), random_options(random, n_layers)});
  }
  return requests;
}

class SchedulerTest : public testing::Test {
 protected:
  void load(const TestShape& shape, int threads = 2) {
    ASSERT_TRUE(TestModel(shape).write(path_));
    auto model = Model::load(path_, {.threads = threads});
    ASSERT_TRUE(model) << model.error().message();
    model_ = *model;
  }
  void SetUp() override { load({}); }

  GenerateResult alone(const Request& request, KvType type = KvType::f16,
                       std::uint32_t context = 0) const {
    const auto session = *Session::create(model_, {.context = context, .kv_type = type});
    const auto result = generate(*session, request.prompt, request.options);
    EXPECT_TRUE(result) << result.error().message();
    return result ? *result : GenerateResult{};
  }
  std::unique_ptr<Scheduler> open(const SchedulerOptions& options) const {
    auto scheduler = Scheduler::create(model_, options);
    EXPECT_TRUE(scheduler) << scheduler.error().message();
    return std::move(*scheduler);
  }
  static GenerateResult take(Scheduler& scheduler, SequenceId id) {
    auto result = scheduler.result(id);
    EXPECT_TRUE(result.has_value());
    if (!result) return {};
    EXPECT_TRUE(*result) << result->error().message();
    return *result ? std::move(**result) : GenerateResult{};
  }
  // Bytes of one page of 16 positions in F16.
  std::uint64_t page_bytes() const { return open({.kv_page = 16})->stats().page_bytes; }
  void expect_as_alone(const std::vector<Request>& requests, const SchedulerOptions& options) {
    const auto scheduler = open(options);
    std::vector<SequenceId> ids;
    for (const auto& request : requests) {
      ids.push_back(*scheduler->submit(request.prompt, request.options));
    }
    scheduler->run();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ASSERT_EQ(take(*scheduler, ids[i]), alone(requests[i], options.kv_type)) << i;
    }
    EXPECT_EQ(scheduler->stats().used_pages, 0U);
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
  std::shared_ptr<const Model> model_;
};

TEST_F(SchedulerTest, EverySequenceIsAsIfItWereAlone) {
  const std::vector<TestShape> shapes = {
      {},
      {.type = TensorType::q8_0},
      {.type = TensorType::q4_0, .tied = true},
      {.type = TensorType::f16, .tied = true, .gemma2 = true},
      {.type = TensorType::q8_0, .n_layers = 4, .gemma2 = true, .window = 20},
      {.n_heads = 6, .n_kv_heads = 3, .head_dim = 10, .rope_dims = 6, .linear_scale = 2.0F}};
  for (const Isa isa : available_isas()) {
    ::setenv("WATTLE_ISA", isa_name(isa), 1);
    for (const auto& shape : shapes) {
      for (const int threads : {1, 3}) {
        load(shape, threads);
        const auto requests = random_requests(7, 12, 3);
        for (const KvType type : {KvType::f16, KvType::f32, KvType::i8}) {
          expect_as_alone(requests,
                          {.max_sequences = 5, .token_budget = 13, .kv_type = type, .kv_page = 16});
        }
      }
    }
  }
  ::unsetenv("WATTLE_ISA");
}

TEST_F(SchedulerTest, NeitherBudgetNorPagesNorPlacesChangeABit) {
  load({.type = TensorType::q8_0, .n_layers = 4});
  const auto requests = random_requests(3, 20, 4);
  for (const std::uint32_t places : {1U, 2U, 8U, 64U}) {
    for (const std::uint32_t budget : {64U, 100U, 4096U}) {
      for (const std::uint32_t page : {16U, 32U, 64U}) {
        for (const bool reuse : {false, true}) {
          expect_as_alone(requests, {.max_sequences = places,
                                     .token_budget = budget,
                                     .kv_page = page,
                                     .reuse_prefixes = reuse});
        }
      }
    }
  }
}

TEST_F(SchedulerTest, AStaticBatchGivesTheSameAndWaitsUntilItIsFull) {
  const auto requests = random_requests(5, 7, 3);
  expect_as_alone(requests, {.max_sequences = 3, .static_batch = true});
  const auto scheduler = open({.max_sequences = 3, .static_batch = true});
  const Request request{.prompt = {1, 5, 9}, .options = {.max_tokens = 4, .ignore_eos = true}};
  const Request longer{.prompt = {1, 5, 9}, .options = {.max_tokens = 9, .ignore_eos = true}};
  ASSERT_TRUE(scheduler->submit(request.prompt, request.options));
  ASSERT_TRUE(scheduler->submit(longer.prompt, longer.options));
  EXPECT_FALSE(scheduler->step());
  EXPECT_EQ(scheduler->stats().n_waiting, 2U);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(scheduler->submit(request.prompt, request.options));
  EXPECT_TRUE(scheduler->step());
  EXPECT_EQ(scheduler->stats().n_running, 3U);
  while (scheduler->stats().n_running > 0) {
    EXPECT_EQ(scheduler->stats().n_waiting, 1U) << "joined a static batch";
    scheduler->step();
  }
  EXPECT_EQ(scheduler->stats().n_finished, 3U);
  EXPECT_FALSE(scheduler->step());
  scheduler->drain();
  EXPECT_TRUE(scheduler->step());
}

// Joins, leaves and cancels in no order, with too few pages for all.
TEST_F(SchedulerTest, RandomSchedulesChangeNothing) {
  for (std::uint32_t seed = 1; seed <= (kSanitized ? 3U : 12U); ++seed) {
    load({.type = seed % 2 == 0 ? TensorType::q8_0 : TensorType::f16,
          .gemma2 = seed % 3 == 0,
          .window = 9});
    std::mt19937 random(seed);
    const auto requests = random_requests(seed, 30, 3);
    SchedulerOptions options{.max_sequences = 1 + static_cast<std::uint32_t>(random() % 7),
                             .kv_page = 16,
                             .reuse_prefixes = random() % 4 != 0};
    options.token_budget = options.max_sequences + static_cast<std::uint32_t>(random() % 40);
    options.kv_memory = page_bytes() * (4 + random() % 10);
    const auto scheduler = open(options);
    std::map<SequenceId, std::size_t> ids;
    std::map<SequenceId, bool> cancelled;
    for (std::size_t next = 0; next < requests.size() || scheduler->stats().n_running > 0 ||
                               scheduler->stats().n_waiting > 0;) {
      if (next < requests.size() && random() % 3 == 0) {
        const auto id = scheduler->submit(requests[next].prompt, requests[next].options);
        ASSERT_TRUE(id) << id.error().message();
        ids[*id] = next++;
      }
      if (!ids.empty() && random() % 12 == 0) {
        const SequenceId id = 1 + random() % ids.size();
        if (scheduler->cancel(id)) cancelled[id] = true;
      }
      scheduler->step();
      const auto stats = scheduler->stats();
      ASSERT_LE(stats.used_pages + stats.cached_pages, stats.max_pages);
      ASSERT_LE(stats.n_running, options.max_sequences);
    }
    EXPECT_EQ(scheduler->stats().used_pages, 0U);
    for (const auto& [id, index] : ids) {
      const auto actual = take(*scheduler, id);
      auto expected = alone(requests[index]);
      if (cancelled[id]) {
        EXPECT_EQ(actual.stop, StopReason::cancelled);
        ASSERT_LE(actual.tokens.size(), expected.tokens.size());
        expected.tokens.resize(actual.tokens.size());
        EXPECT_EQ(actual.tokens, expected.tokens);
      } else {
        ASSERT_EQ(actual, expected) << "seed " << seed << " request " << index;
      }
    }
  }
}

TEST_F(SchedulerTest, APromptThatBeginsAlikeStartsWhereItParts) {
  std::mt19937 random(1);
  const auto prompt = random_tokens(random, 40);
  auto other = prompt;
  other[37] = 5;
  const GenerateOptions options{.max_tokens = 6, .ignore_eos = true};
  const auto scheduler = open({.kv_page = 16});
  const auto run = [&](const std::vector<TokenId>& tokens, const GenerateOptions& asked) {
    const auto id = *scheduler->submit(tokens, asked);
    scheduler->run();
    auto result = take(*scheduler, id);
    EXPECT_EQ(result, alone({tokens, asked}));
    return result.n_reused_tokens;
  };
  EXPECT_EQ(run(prompt, options), 0U);
  EXPECT_EQ(run(prompt, options), 39U) << "all but the token whose logits are wanted";
  EXPECT_EQ(run(other, options), 37U) << "two pages, and a copy of a part of the third";
  EXPECT_EQ(run(prompt, options), 39U) << "the copy left the page as it was";
  EXPECT_EQ(scheduler->stats().n_reused, 115U);
  EXPECT_EQ(scheduler->stats().n_prefilled, 40U + 1 + 3 + 1);
  // What was generated is known, too: the next turn of a conversation.
  auto turn = prompt;
  const auto answer = alone({prompt, options});
  for (const auto& token : answer.tokens) turn.push_back(token.id);
  turn.push_back(77);
  EXPECT_EQ(run(turn, options), 45U) << "the last token was never fed";
  // Fewer layers: other keys and values.
  GenerateOptions shallow = options;
  shallow.exit.layer = 2;
  EXPECT_EQ(run(prompt, shallow), 0U);
  EXPECT_EQ(run(prompt, shallow), 39U);
}

TEST_F(SchedulerTest, PromptsThatComeTogetherComputeWhatTheyShareOnce) {
  std::mt19937 random(2);
  const auto shared = random_tokens(random, 48);
  const auto scheduler = open({.max_sequences = 8, .kv_page = 16});
  std::vector<SequenceId> ids;
  std::vector<Request> requests;
  for (TokenId i = 0; i < 8; ++i) {
    Request request{shared, {.max_tokens = 3, .ignore_eos = true}};
    request.prompt.push_back(100 + i);
    ids.push_back(*scheduler->submit(request.prompt, request.options));
    requests.push_back(request);
  }
  scheduler->run();
  EXPECT_EQ(scheduler->stats().n_prefilled, 49U + 7);
  EXPECT_LE(scheduler->stats().peak_pages, 3U + 8) << "three shared pages and one of each's own";
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(take(*scheduler, ids[i]), alone(requests[i]));
}

// A token that left early has other keys and values than the prompt of the next turn.
TEST_F(SchedulerTest, TokensThatLeftEarlyAreNotReused) {
  const std::vector<TokenId> prompt = {1, 300, 17, 44, 259, 310, 8};
  GenerateOptions options{.max_tokens = 20, .ignore_eos = true};
  options.exit.entropy_nats = std::numeric_limits<float>::infinity();
  const auto scheduler = open({.kv_page = 16});
  const auto first = *scheduler->submit(prompt, options);
  scheduler->run();
  auto turn = prompt;
  for (const auto& token : take(*scheduler, first).tokens) turn.push_back(token.id);
  const Request next{turn, {.max_tokens = 5, .ignore_eos = true}};
  const auto second = *scheduler->submit(next.prompt, next.options);
  scheduler->run();
  const auto result = take(*scheduler, second);
  EXPECT_EQ(result, alone(next));
  EXPECT_EQ(result.n_reused_tokens, prompt.size());
}

TEST_F(SchedulerTest, ASequenceHoldsNoMorePagesThanItsTokensNeedAndFreesThemAtOnce) {
  const auto scheduler = open({.max_sequences = 4, .kv_page = 16, .reuse_prefixes = false});
  std::mt19937 random(3);
  const GenerateOptions options{.max_tokens = 30, .ignore_eos = true};
  const auto a = *scheduler->submit(random_tokens(random, 20), options);
  const auto b = *scheduler->submit(random_tokens(random, 5), options);
  EXPECT_EQ(scheduler->stats().used_pages, 0U);
  scheduler->step();
  EXPECT_EQ(scheduler->stats().used_pages, 3U);
  for (int i = 0; i < 12; ++i) scheduler->step();  // 32 and 17 positions
  EXPECT_EQ(scheduler->stats().used_pages, 4U);
  scheduler->step();
  EXPECT_EQ(scheduler->stats().used_pages, 5U);
  EXPECT_TRUE(scheduler->cancel(a));
  EXPECT_EQ(scheduler->stats().used_pages, 2U);
  EXPECT_FALSE(scheduler->cancel(a));
  EXPECT_EQ(take(*scheduler, a).stop, StopReason::cancelled);
  EXPECT_FALSE(scheduler->result(a).has_value()) << "handed over once";
  scheduler->run();
  EXPECT_EQ(scheduler->stats().used_pages, 0U);
  EXPECT_EQ(take(*scheduler, b).tokens.size(), 30U);
}

TEST_F(SchedulerTest, WhereThereAreNoPagesTheNextWaitItsTurn) {
  // Three pages of 16: one long sequence, or up to three short ones.
  const auto scheduler =
      open({.kv_page = 16, .kv_memory = 3 * page_bytes(), .reuse_prefixes = false});
  EXPECT_EQ(scheduler->stats().max_pages, 3U);
  std::mt19937 random(4);
  std::vector<Request> requests;
  for (const std::size_t n : {20UL, 30UL, 4UL, 4UL}) {
    requests.push_back({random_tokens(random, n), {.max_tokens = 10, .ignore_eos = true}});
  }
  struct Order : GenerateObserver {
    std::vector<std::size_t> begun;
    void prefill_begin(std::size_t n) override { begun.push_back(n); }
  } order;
  std::vector<SequenceId> ids;
  for (const auto& request : requests) {
    ids.push_back(*scheduler->submit(request.prompt, request.options, &order));
  }
  scheduler->step();
  EXPECT_EQ(scheduler->stats().n_running, 1U) << "two pages are spoken for, the next needs three";
  EXPECT_EQ(scheduler->stats().n_waiting, 3U) << "and the short ones do not overtake it";
  scheduler->run();
  EXPECT_EQ(order.begun, (std::vector<std::size_t>{20, 30, 4, 4}));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(take(*scheduler, ids[i]), alone(requests[i]));
  }
  EXPECT_LE(scheduler->stats().peak_pages, 3U);
  const auto never = scheduler->submit(random_tokens(random, 40), {.max_tokens = 20});
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, ErrorCode::resource_exhausted);
  EXPECT_NE(never.error().message().find("--kv-memory"), std::string::npos);
}

TEST_F(SchedulerTest, KeptPagesMakeRoomForOthers) {
  const auto scheduler = open({.kv_page = 16, .kv_memory = 4 * page_bytes()});
  std::mt19937 random(5);
  std::vector<Request> requests;
  for (int i = 0; i < 6; ++i) {
    requests.push_back({random_tokens(random, 40), {.max_tokens = 3, .ignore_eos = true}});
  }
  for (const auto& request : requests) {
    const auto id = *scheduler->submit(request.prompt, request.options);
    scheduler->run();
    EXPECT_EQ(take(*scheduler, id), alone(request));
    EXPECT_EQ(scheduler->stats().used_pages, 0U);
    EXPECT_GE(scheduler->stats().cached_pages, 3U);
  }
  // The last is still there, the first is long gone.
  for (const auto& [index, reused] : {std::pair{5UL, 39UL}, std::pair{0UL, 0UL}}) {
    const auto id = *scheduler->submit(requests[index].prompt, requests[index].options);
    scheduler->run();
    EXPECT_EQ(take(*scheduler, id).n_reused_tokens, reused);
  }
}

TEST_F(SchedulerTest, AFullContextIsAStopThatSaysSo) {
  const auto scheduler = open({.context = 20});
  const Request request{.prompt = {1, 5, 9, 30, 31},
                        .options = {.max_tokens = 1000, .ignore_eos = true}};
  const auto id = *scheduler->submit(request.prompt, request.options);
  scheduler->run();
  const auto result = take(*scheduler, id);
  EXPECT_EQ(result.stop, StopReason::context_full);
  EXPECT_EQ(result.tokens.size(), 16U);
  EXPECT_EQ(result, alone(request, KvType::f16, 20));
}

struct Recorder : GenerateObserver {
  std::vector<std::string> events;
  std::string text;
  int cancel_after = -1;
  bool layers = false;
  void prefill_begin(std::size_t n) override { events.push_back(fmt::format("begin {}", n)); }
  void prefill_end() override { events.emplace_back("prefilled"); }
  bool token(const GeneratedToken& token, std::string_view piece) override {
    events.push_back(fmt::format("token {}", token.id));
    text += piece;
    return --cancel_after != 0;
  }
  void text_rest(std::string_view rest) override { text += rest; }
  void decode_end() override { events.emplace_back("end"); }
  [[nodiscard]] bool wants_layer_entropy() const override { return layers; }
  void layer_entropy(std::uint32_t layer, float entropy) override {
    events.push_back(fmt::format("layer {} {}", layer, entropy));
  }
};

TEST_F(SchedulerTest, AnObserverSeesWhatItSeesOfGenerate) {
  const auto requests = random_requests(9, 6, 3);
  std::vector<Recorder> together(requests.size());
  const auto scheduler = open({.max_sequences = 4, .token_budget = 9});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    together[i].layers = i % 2 == 0;
    together[i].cancel_after = i == 3 ? 2 : -1;
    ASSERT_TRUE(scheduler->submit(requests[i].prompt, requests[i].options, &together[i]));
  }
  scheduler->run();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Recorder recorder;
    recorder.layers = together[i].layers;
    recorder.cancel_after = i == 3 ? 2 : -1;
    const auto session = *Session::create(model_);
    ASSERT_TRUE(generate(*session, requests[i].prompt, requests[i].options, &recorder));
    EXPECT_EQ(together[i].events, recorder.events) << i;
    EXPECT_EQ(together[i].text, recorder.text);
  }
}

TEST_F(SchedulerTest, AnObserverMaySubmitAndCancel) {
  const auto scheduler = open({.max_sequences = 3});
  struct Meddler : GenerateObserver {
    Scheduler* scheduler = nullptr;
    SequenceId victim = 0;
    SequenceId waiting = 0;
    SequenceId added = 0;
    bool token(const GeneratedToken& /*token*/, std::string_view /*text*/) override {
      if (added != 0) return true;
      EXPECT_TRUE(scheduler->cancel(victim));
      EXPECT_TRUE(scheduler->cancel(waiting));
      added = *scheduler->submit({1, 7}, {.max_tokens = 2, .ignore_eos = true});
      return true;
    }
  } meddler;
  meddler.scheduler = scheduler.get();
  const Request request{.prompt = {1, 5, 9}, .options = {.max_tokens = 8, .ignore_eos = true}};
  const auto a = *scheduler->submit(request.prompt, request.options, &meddler);
  meddler.victim = *scheduler->submit(request.prompt, request.options);
  const auto c = *scheduler->submit(request.prompt, request.options);
  meddler.waiting = *scheduler->submit(request.prompt, request.options);
  scheduler->run();
  EXPECT_EQ(take(*scheduler, a), alone(request));
  EXPECT_EQ(take(*scheduler, c), alone(request));
  EXPECT_EQ(take(*scheduler, meddler.victim).stop, StopReason::cancelled);
  EXPECT_EQ(take(*scheduler, meddler.waiting).stop, StopReason::cancelled);
  EXPECT_EQ(take(*scheduler, meddler.added).tokens.size(), 2U);
}

TEST_F(SchedulerTest, AGrammarHoldsForItsSequenceOnly) {
  const auto grammar = Grammar::parse_gbnf("root ::= [0-9]+ \" \" [a-f]+", "test");
  ASSERT_TRUE(grammar) << grammar.error().message();
  Request constrained{.prompt = {1, 5, 9}, .options = {.max_tokens = 8}};
  constrained.options.grammar = *grammar;
  const Request plain{.prompt = {1, 5, 9}, .options = {.max_tokens = 8, .ignore_eos = true}};
  const auto scheduler = open({});
  const auto a = *scheduler->submit(constrained.prompt, constrained.options);
  const auto b = *scheduler->submit(plain.prompt, plain.options);
  scheduler->run();
  EXPECT_EQ(take(*scheduler, a), alone(constrained));
  EXPECT_EQ(take(*scheduler, b), alone(plain));
}

// With prefixes kept, too: only what others share stays.
TEST_F(SchedulerTest, CancellingFreesItsPagesAtOnce) {
  const auto scheduler = open({.max_sequences = 4, .token_budget = 256, .kv_page = 16});
  std::mt19937 random(8);
  std::vector<TokenId> first = random_tokens(random, 48);
  std::vector<TokenId> other = first;
  for (std::size_t i = 32; i < other.size(); ++i) other[i] = 3 + (other[i] + 1) % 300;
  const GenerateOptions options{.max_tokens = 10, .ignore_eos = true};
  const auto resident = [&] {
    return scheduler->stats().used_pages + scheduler->stats().cached_pages;
  };
  const auto a = *scheduler->submit(first, options);
  for (int i = 0; i < 4; ++i) scheduler->step();
  EXPECT_GE(resident(), 4U);
  EXPECT_TRUE(scheduler->cancel(a));
  EXPECT_EQ(resident(), 0U);
  // Two that share their first two pages: the shared ones go with the last of them.
  const auto b = *scheduler->submit(first, options);
  for (int i = 0; i < 3; ++i) scheduler->step();
  const auto c = *scheduler->submit(other, options);
  for (int i = 0; i < 3; ++i) scheduler->step();
  const std::size_t both = resident();
  EXPECT_TRUE(scheduler->cancel(b));
  EXPECT_LT(resident(), both);
  EXPECT_GE(resident(), 3U);
  scheduler->run();
  EXPECT_EQ(take(*scheduler, c), alone({other, options}));
}

TEST_F(SchedulerTest, EveryStepSaysWhoHadHowMuchOfIt) {
  const auto scheduler = open({.max_sequences = 2, .token_budget = 8, .reuse_prefixes = false});
  std::mt19937 random(5);
  const GenerateOptions options{.max_tokens = 3, .ignore_eos = true};
  const SequenceId a = scheduler->submit(random_tokens(random, 5), options).value();
  const SequenceId b = scheduler->submit(random_tokens(random, 6), options).value();
  using Shares = std::vector<std::array<std::uint64_t, 3>>;
  const auto step = [&] {
    scheduler->step();
    Shares shares;
    for (const StepShare& s : scheduler->last_step()) {
      shares.push_back({s.id, s.n_prompt, s.n_decode});
    }
    return shares;
  };
  EXPECT_TRUE(scheduler->last_step().empty());
  EXPECT_EQ(step(), (Shares{{a, 5, 0}, {b, 3, 0}}));
  EXPECT_EQ(step(), (Shares{{a, 0, 1}, {b, 3, 0}}));
  EXPECT_EQ(step(), (Shares{{a, 0, 1}, {b, 0, 1}})) << "a's third token needs no pass after it";
  EXPECT_EQ(step(), (Shares{{b, 0, 1}}));
  EXPECT_EQ(step(), Shares{});
}

TEST_F(SchedulerTest, AnInterruptCancelsAll) {
  const auto scheduler = open({.max_sequences = 2});
  std::vector<SequenceId> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(*scheduler->submit({1, 5, 9}, {.max_tokens = 40, .ignore_eos = true}));
  }
  for (int i = 0; i < 3; ++i) scheduler->step();
  set_interrupted(true);
  EXPECT_FALSE(scheduler->step());
  set_interrupted(false);
  for (const SequenceId id : ids) EXPECT_EQ(take(*scheduler, id).stop, StopReason::cancelled);
  EXPECT_EQ(scheduler->stats().used_pages, 0U);
}

TEST_F(SchedulerTest, BadRequestsAndOptionsAreErrorsThatSayWhatWouldDo) {
  const auto message = [&](const SchedulerOptions& options) {
    const auto scheduler = Scheduler::create(model_, options);
    EXPECT_FALSE(scheduler);
    return scheduler ? std::string() : scheduler.error().message();
  };
  EXPECT_NE(message({.max_sequences = 0}).find("1 to 64"), std::string::npos);
  EXPECT_NE(message({.max_sequences = 65}).find("1 to 64"), std::string::npos);
  EXPECT_NE(message({.max_sequences = 8, .token_budget = 7}).find("8"), std::string::npos);
  EXPECT_NE(message({.token_budget = 5000}).find("4096"), std::string::npos);
  EXPECT_NE(message({.context = 65}).find("at most 64"), std::string::npos);
  EXPECT_NE(message({.kv_memory = 1}).find("--kv-memory"), std::string::npos);
  EXPECT_FALSE(Scheduler::create(nullptr));
  const auto scheduler = open({.context = 32});
  EXPECT_EQ(scheduler->submit({}, {}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(scheduler->submit({320}, {}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(scheduler->submit(std::vector<TokenId>(33, 5), {}).error().code,
            ErrorCode::out_of_range);
  EXPECT_EQ(scheduler->submit({1}, {.exit = {.layer = 4}}).error().code, ErrorCode::out_of_range);
  EXPECT_FALSE(scheduler->submit({1}, {.sampling = {.top_p = 2.0F}}));
  EXPECT_FALSE(scheduler->step());
  EXPECT_FALSE(scheduler->cancel(1));
  EXPECT_FALSE(scheduler->result(1).has_value());
  const auto only_prefill = *scheduler->submit({1, 5}, {.max_tokens = 0});
  scheduler->run();
  EXPECT_TRUE(take(*scheduler, only_prefill).tokens.empty());
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

TEST_F(SchedulerTest, TenThousandCyclesDoNotGrowMemory) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep freed memory";
  const auto scheduler = open({.max_sequences = 4, .kv_page = 16, .kv_memory = 12 * page_bytes()});
  std::mt19937 random(6);
  const auto cycle = [&](std::uint32_t i) {
    const auto id = *scheduler->submit(random_tokens(random, 1 + i % 40), {.max_tokens = 20});
    if (i % 3 != 0) scheduler->step();
    EXPECT_TRUE(scheduler->cancel(id) || i % 3 != 0);
    EXPECT_TRUE(scheduler->result(id).has_value());
  };
  for (std::uint32_t i = 0; i < 2000; ++i) cycle(i);
  const std::size_t before = resident_bytes();
  for (std::uint32_t i = 0; i < 10000; ++i) cycle(i);
  EXPECT_LT(resident_bytes(), before + (std::size_t{2} << 20U));
  const auto stats = scheduler->stats();
  EXPECT_EQ(stats.used_pages, 0U);
  EXPECT_EQ(stats.n_finished + stats.n_running + stats.n_waiting, 0U);
}

}  // namespace
}  // namespace wattle::engine
