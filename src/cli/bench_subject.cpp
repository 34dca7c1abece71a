#include "cli/bench_subject.hpp"

#include <span>

#include "base/interrupt.hpp"

namespace wattle::cli {

void BenchWatch::begin() {
  if (monitor_ != nullptr) begin_mark_ = monitor_->begin();
  begin_ns_ = clock_.monotonic_ns();
}

void BenchWatch::end() {
  end_ns_ = clock_.monotonic_ns();
  if (monitor_ != nullptr) end_mark_ = monitor_->end();
}

BenchRepetition BenchWatch::measured() const {
  BenchRepetition repetition;
  repetition.ns = std::max<std::int64_t>(end_ns_ - begin_ns_, 1);
  if (monitor_ != nullptr) repetition.energy = monitor_->between(begin_mark_, end_mark_);
  return repetition;
}

namespace {

// Random tokens, the same in every run.
class RandomTokens {
 public:
  explicit RandomTokens(const engine::Model& model)
      : any_(0, static_cast<engine::TokenId>(model.config().n_vocab) - 1) {}
  std::vector<engine::TokenId> operator()(std::size_t n) {
    std::vector<engine::TokenId> tokens(n);
    for (auto& token : tokens) token = any_(random_);
    return tokens;
  }

 private:
  std::mt19937 random_{1};
  std::uniform_int_distribution<engine::TokenId> any_;
};

class PhaseObserver final : public engine::GenerateObserver {
 public:
  PhaseObserver(BenchPhase phase, BenchWatch& watch) : phase_(phase), watch_(watch) {}
  void prefill_begin(std::size_t /*n*/) override {
    if (phase_ == BenchPhase::prefill) watch_.begin();
  }
  void prefill_end() override { phase_ == BenchPhase::prefill ? watch_.end() : watch_.begin(); }
  bool token(const engine::GeneratedToken& /*token*/, std::string_view /*text*/) override {
    return !interrupted();
  }
  void decode_end() override {
    if (phase_ == BenchPhase::decode) watch_.end();
  }

 private:
  BenchPhase phase_;
  BenchWatch& watch_;
};

class OneSequence final : public BenchSubject {
 public:
  OneSequence(const engine::Model& model, std::unique_ptr<engine::Session> session)
      : session_(std::move(session)), random_(model) {}

  Status fill(std::uint32_t depth) override {
    depth_ = depth;
    if (depth == 0) return {};
    return generate(random_(depth), 1, nullptr);
  }
  // The first token comes out of the prefill; the others cost a decode step each.
  Status run(const BenchTest& test, BenchWatch& watch) override {
    PhaseObserver observer(test.phase, watch);
    const bool prefill = test.phase == BenchPhase::prefill;
    return generate(random_(prefill ? test.n_tokens : 1), prefill ? 1 : test.n_tokens + 1,
                    &observer);
  }

 private:
  Status generate(const std::vector<engine::TokenId>& prompt, std::uint32_t n_tokens,
                  engine::GenerateObserver* observer) {
    engine::GenerateOptions options;
    options.max_tokens = n_tokens;
    options.ignore_eos = true;
    WATTLE_TRY(const auto generated, engine::generate(*session_, prompt, options, observer));
    session_->rewind(depth_);
    if (generated.stop == engine::StopReason::cancelled) {
      return fail(ErrorCode::cancelled, "interrupted");
    }
    return {};
  }

  std::unique_ptr<engine::Session> session_;
  RandomTokens random_;
  std::uint32_t depth_ = 0;
};

class ManySequences final : public BenchSubject {
 public:
  ManySequences(const engine::Model& model, std::unique_ptr<engine::BatchDecoder> decoder)
      : decoder_(std::move(decoder)), random_(model) {}

  Status fill(std::uint32_t depth) override { return decoder_->prefill(random_(depth)); }
  // One step before those that are timed, as the prefill of generate() is.
  Status run(const BenchTest& test, BenchWatch& watch) override {
    const std::uint32_t depth = decoder_->position();
    WATTLE_CHECK(decoder_->set_next(random_(test.n_sequences)));
    WATTLE_CHECK(decoder_->step());
    watch.begin();
    for (std::uint32_t i = 0; i < test.n_tokens; ++i) {
      if (interrupted()) return fail(ErrorCode::cancelled, "interrupted");
      WATTLE_CHECK(decoder_->step());
    }
    watch.end();
    decoder_->rewind(depth);
    return {};
  }

 private:
  std::unique_ptr<engine::BatchDecoder> decoder_;
  RandomTokens random_;
};

}  // namespace

Result<std::unique_ptr<BenchSubject>> make_subject(
    const std::shared_ptr<const engine::Model>& model, std::uint32_t n_sequences,
    std::uint32_t context, engine::KvType kv_type) {
  if (n_sequences == 1) {
    engine::SessionOptions options;
    options.context = context;
    options.kv_type = kv_type;
    options.beyond_context = true;  // the speed is what it is
    WATTLE_TRY(auto session, engine::Session::create(model, options));
    return std::make_unique<OneSequence>(*model, std::move(session));
  }
  WATTLE_TRY(auto decoder, engine::BatchDecoder::create(model, {.n_sequences = n_sequences,
                                                                .context = context,
                                                                .kv_type = kv_type,
                                                                .beyond_context = true}));
  return std::make_unique<ManySequences>(*model, std::move(decoder));
}

}  // namespace wattle::cli
