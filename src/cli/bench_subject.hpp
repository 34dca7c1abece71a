#pragma once
// What is timed: one sequence as generate() runs it, or several that decode together.

#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "base/clock.hpp"
#include "cli/bench_run.hpp"
#include "engine/batch_decoder.hpp"
#include "engine/generate.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::cli {

// Time and energy between two moments; reading the sensors is in neither.
class BenchWatch {
 public:
  BenchWatch(const Clock& clock, sense::EnergyMonitor* monitor)
      : clock_(clock), monitor_(monitor) {}
  void begin();
  void end();
  [[nodiscard]] BenchRepetition measured() const;

 private:
  const Clock& clock_;
  sense::EnergyMonitor* monitor_;
  std::int64_t begin_ns_ = 0;
  std::int64_t end_ns_ = 0;
  sense::Mark begin_mark_, end_mark_;
};

class BenchSubject {
 public:
  virtual ~BenchSubject() = default;
  // Fills the context with `depth` tokens, once for all tests.
  virtual Status fill(std::uint32_t depth) = 0;
  // Runs the test from there on and goes back. Error: cancelled after Ctrl-C.
  virtual Status run(const BenchTest& test, BenchWatch& watch) = 0;
};

// Room for `context` positions in each of the sequences.
[[nodiscard]] Result<std::unique_ptr<BenchSubject>> make_subject(
    const std::shared_ptr<const engine::Model>& model, std::uint32_t n_sequences,
    std::uint32_t context, engine::KvType kv_type);

}  // namespace wattle::cli
