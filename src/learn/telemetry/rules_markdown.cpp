#include <fmt/format.h>

#include "learn/telemetry/rules.hpp"

namespace wattle::learn {
namespace {
constexpr std::string_view ask_phrase(Ask ask) {
  constexpr std::array<std::string_view, 13> phrases = {
      "elevated or high",
      "elevated",
      "high",
      "low",
      "very low",
      "on",
      "off",
      "rose within the window",
      "fell within the window",
      "exactly 0",
      "physically impossible",
      "missing (NaN, null)",
      "the same number in every reading of a window"};
  return phrases[static_cast<std::size_t>(ask)];
}

std::string number(Unit unit, int ticks) {
  if (unit == Unit::ppm) return fmt::format("{:.4f}", ticks / 10000.0);
  return unit == Unit::on_off ? fmt::format("{}", ticks) : fmt::format("{:.1f}", ticks / 10.0);
}

std::string band_rows() {
  std::string text;
  for (const Band& band : bands()) {
    if (is_switch(band.sensor)) continue;
    text += fmt::format("| {} | {} | {} | {} to {} |\n", key_name(band.sensor),
                        unit_name(band.unit), level_name(band.level),
                        number(band.unit, band.low_ticks), number(band.unit, band.high_ticks));
  }
  return text;
}

std::string conditions_of(const Rule& rule) {
  std::string text;
  for (std::size_t i = 0; i < rule.n_conditions; ++i) {
    const Condition& condition = rule.conditions[i];
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ",
                        rule.any_sensor ? "any sensor" : key_name(condition.sensor),
                        ask_phrase(condition.ask));
  }
  return text.empty() ? "none of the above" : text;
}

std::string rule_rows() {
  std::string text;
  int number_of_rule = 0;
  for (const Rule& rule : rules()) {
    const std::string_view sensor = rule.health == Health::normal ? "all sensors"
                                    : rule.any_sensor             ? "the one at fault"
                                                                  : answer_name(rule.sensor);
    text +=
        fmt::format("| {} | `{}` | {} | {} | {} | {} | {} |\n", ++number_of_rule, rule.id,
                    conditions_of(rule), health_name(rule.health), sensor, rule.cause, rule.action);
  }
  return text;
}
}  // namespace

std::string rules_markdown() {
  return fmt::format(
      R"(# The telemetry rules

<!-- Printed from src/learn/telemetry by `wattle train --print-rules`; a test compares them. -->

What the shipped model has learned is this table and nothing else. Training text, prompt suites and
expected answers are all generated from it (src/learn/telemetry).

## What a value means

Bands never touch: no value is generated in the gaps, so there is no borderline case to argue about.
ppb values are the ppm values times 1000. Values outside every band have no defined answer.

| sensor | unit | level | values |
|---|---|---|---|
{}
`light` and `motion` are on or off. Besides its level a reading can be *missing* (NaN, null, n/a) or,
in a window of 3 to 5 readings, *frozen* (the same number every time; neighbouring readings of a
working sensor always differ). The last reading of a window decides the level; a sensor *rose* or
*fell* if its level in the last reading is another than in the first. A sensor that is faulty, or not
in the prompt, fulfils no condition about its level.

## What follows

The first rule whose conditions all hold decides. At most one sensor of a case is faulty.

| | rule | conditions | status | sensor | likely cause | action |
|---|---|---|---|---|---|---|
{}
The answer is "Critical: the SENSOR sensor points to CAUSE. ACTION", likewise with "Warning", and
"Normal: all sensors point to CAUSE. No action is needed."

## Training and held-out cases

Every held-out value has 4, 5 or 6 as its last digit and an even digit before it (0.0024 to 0.0026,
72.4 to 72.6); no training value lies in these ranges. The two sets also share no introduction and no
question (src/learn/telemetry/wording.cpp), and come from different seeds. Payload forms (JSON,
`key: value`, `key = value`, prose; by sensor or by reading), names, units and places are shared.
)",
      band_rows(), rule_rows());
}

}  // namespace wattle::learn
