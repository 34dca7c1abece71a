#pragma once
// Stamps the phases of one inference as the engine reports them, and reads the energy sensors once
// between prefill and decode.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "engine/generate.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::meter {

class PhaseObserver final : public engine::GenerateObserver {
 public:
  // `monitor` and `next` may be null.
  PhaseObserver(const Clock& clock, sense::EnergyMonitor* monitor, engine::GenerateObserver* next)
      : clock_(clock), monitor_(monitor), next_(next) {}

  void prefill_begin(std::size_t n_prompt_tokens) override {
    if (next_) next_->prefill_begin(n_prompt_tokens);
    prefill_begin_ns = clock_.monotonic_ns();
  }
  void prefill_end() override {
    prefill_end_ns = clock_.monotonic_ns();
    if (next_) next_->prefill_end();
  }
  bool token(const engine::GeneratedToken& token, std::string_view text) override {
    token_ns.push_back(clock_.monotonic_ns());
    // After the first token's stamp: the time to first token holds no reading of sensors.
    if (token_ns.size() == 1) sample();
    return next_ ? next_->token(token, text) : true;
  }
  void text_rest(std::string_view text) override {
    if (next_) next_->text_rest(text);
  }
  [[nodiscard]] bool wants_layer_entropy() const override {
    return next_ && next_->wants_layer_entropy();
  }
  void layer_entropy(std::uint32_t layer, float entropy_nats) override {
    if (next_) next_->layer_entropy(layer, entropy_nats);
  }
  void decode_end() override {
    decode_end_ns = clock_.monotonic_ns();
    if (next_) next_->decode_end();
  }

  std::optional<std::int64_t> prefill_begin_ns, prefill_end_ns, decode_end_ns;
  std::optional<sense::Mark> prefill_begin_mark, prefill_end_mark;
  std::vector<std::int64_t> token_ns;

 private:
  void sample() {
    if (!monitor_ || !prefill_begin_ns || !prefill_end_ns) return;
    monitor_->sample_now();
    prefill_begin_mark = monitor_->mark_at(*prefill_begin_ns);
    prefill_end_mark = monitor_->mark_at(*prefill_end_ns);
  }

  const Clock& clock_;
  sense::EnergyMonitor* monitor_;
  engine::GenerateObserver* next_;
};

}  // namespace wattle::meter
