#pragma once
// Runs one inference with energy windows around its phases and fills an InferenceRecord.

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "base/result.hpp"
#include "engine/generate.hpp"
#include "meter/inference_record.hpp"

namespace wattle::meter {

struct MeterOptions {
  FsRoot root{"/"};
  double idle_power_w_hint = 0.0;  // 0: measure the baseline
  bool energy = true;              // false: times only
};

struct IdleBaseline {
  double power_w = 0.0;
  double standard_error_w = 0.0;
  double seconds = 0.0;
};

// One point of the power trace, for figures.
struct PowerSample {
  std::int64_t t_ns = 0;  // monotonic
  double power_w = 0.0;
};

class Meter {
 public:
  // Picks the best sensor set there is (counter before sampled before model) and starts the one
  // sampling thread. Never fails for want of a sensor: records then carry no energy and say why.
  static Result<std::unique_ptr<Meter>> create(const MeterOptions& options, Clock& clock);
  virtual ~Meter() = default;

  // Idle power over `seconds` (with the model loaded, nothing running); kept for net figures.
  virtual Result<IdleBaseline> measure_idle(double seconds) = 0;
  [[nodiscard]] virtual std::optional<IdleBaseline> idle() const = 0;
  [[nodiscard]] virtual std::optional<EnergySource> energy_source() const = 0;

  // Tokenises `prompt`, generates, and measures. Identity fields (run_id, suite, …) are the
  // caller's to fill in. `observer` sees the stream too and may be null.
  virtual Result<InferenceRecord> measure(engine::Session& session, std::string_view prompt,
                                          const engine::GenerateOptions& options,
                                          engine::GenerateObserver* observer = nullptr) = 0;

  // Power since `since_ns` (monotonic), at most `max_samples` evenly thinned points.
  [[nodiscard]] virtual std::vector<PowerSample> power_trace(std::int64_t since_ns,
                                                             std::size_t max_samples) const = 0;
};

}  // namespace wattle::meter
