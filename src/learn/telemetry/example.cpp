#include "learn/telemetry/example.hpp"

#include "learn/telemetry/wording.hpp"

namespace wattle::learn {

Example make_example(Random& random, Split split, const CaseMix& mix) {
  const Case made = make_case(random, split, mix);
  MarkedText prompt = prompt_text(made, random, split, mix.free_words);
  Example example{std::move(prompt.text), answer_text(made.verdict), made.verdict, {}, {}};
  const State state = state_of(made);
  for (const Sensor sensor : kAllSensors) {
    const SensorState& seen = state[index(sensor)];
    example.summary[index(sensor)] =
        static_cast<int>(seen.level) * 3 + static_cast<int>(seen.trend);
  }
  for (const Mark& mark : prompt.marks) {
    const int label =
        static_cast<int>(mark.sensor) * kSensorStates + example.summary[index(mark.sensor)];
    example.findings.push_back({mark.end, label});
  }
  return example;
}

}  // namespace wattle::learn
