#include "learn/telemetry/case.hpp"

#include <algorithm>
#include <cstdlib>

namespace wattle::learn {
namespace {
struct Wish {  // what one sensor shall show
  Level first = Level::absent;
  Level last = Level::absent;
};
using Wishes = std::array<Wish, kSensors>;

Level pick_level(Random& random, std::initializer_list<Level> levels) {
  return random.pick(std::span<const Level>(levels.begin(), levels.size()));
}

// Levels a sensor can have when it works.
std::vector<Level> working_levels(Sensor sensor) {
  std::vector<Level> levels;
  for (const Band& band : bands()) {
    if (band.sensor == sensor && band.unit != Unit::celsius && !is_fault(band.level)) {
      levels.push_back(band.level);
    }
  }
  return levels;
}

Level random_level(Random& random, Sensor sensor, double distractor) {
  const std::vector<Level> levels = working_levels(sensor);
  if (is_switch(sensor)) return random.pick(levels);
  if (!random.chance(distractor)) return Level::normal;
  return random.pick(levels);
}

Wish random_wish(Random& random, Sensor sensor, bool window, const CaseMix& mix) {
  if (!random.chance(mix.present)) return {};
  const Level last = random_level(random, sensor, mix.distractor);
  Level first = last;
  if (window && !is_switch(sensor) && random.chance(mix.distractor)) {
    first = random_level(random, sensor, mix.distractor);
  }
  return {first, last};
}

// A neighbouring pair of levels, first below or above last.
Wish trend_wish(Random& random, Sensor sensor, bool rising) {
  const std::vector<Level> levels = working_levels(sensor);
  for (;;) {
    const Level first = random.pick(levels);
    const Level last = random.pick(levels);
    if (rising ? first < last : first > last) return {first, last};
  }
}

void fulfil(Random& random, const Condition& condition, Wish& wish) {
  const auto steady = [&](Level level) { wish = {level, level}; };
  switch (condition.ask) {
    case Ask::elevated_or_high:
      return steady(pick_level(random, {Level::elevated, Level::high}));
    case Ask::elevated:
      return steady(Level::elevated);
    case Ask::high:
    case Ask::on:
      return steady(Level::high);
    case Ask::low:
      return steady(Level::low);
    case Ask::very_low:
      return steady(Level::very_low);
    case Ask::off:
      return steady(Level::normal);
    case Ask::rose:
      wish = trend_wish(random, condition.sensor, true);
      return;
    case Ask::fell:
      wish = trend_wish(random, condition.sensor, false);
      return;
    case Ask::zero:
      return steady(Level::zero);
    case Ask::impossible:
      wish = {Level::normal, Level::impossible};
      return;
    case Ask::missing:
      wish = {Level::normal, Level::missing};
      return;
    case Ask::frozen:
      return steady(Level::frozen);
  }
}

Trend trend_of(const Wish& wish) {
  if (is_fault(wish.last) || wish.first == wish.last) return Trend::steady;
  return wish.first < wish.last ? Trend::rose : Trend::fell;
}

State state_of(const Wishes& wishes) {
  State state;
  for (const Sensor sensor : kAllSensors) {
    const Wish& wish = wishes[index(sensor)];
    state[index(sensor)] = {wish.last, trend_of(wish)};
  }
  return state;
}

// Rules that turn on details: equal numbers, signs, absent evidence, changes within a window.
bool is_hard(const Rule& rule) {
  constexpr std::array<std::string_view, 10> ids = {
      "stuck_reading", "wiring_fault", "dead_probe", "freezing_pipes", "gas_seep",
      "open_door",     "gas_leak",     "quiet_room", "ordinary_use",   "opening_valve"};
  return std::ranges::find(ids, rule.id) != ids.end();
}

const Rule& pick_rule(Random& random, const CaseMix& mix) {
  const bool hard = random.chance(mix.hard);
  for (;;) {
    const Rule& rule = random.pick(rules());
    if (!hard || is_hard(rule)) return rule;
  }
}

// A sensor that can have the fault. The temperature never sticks at 0: 0 °C is a reading.
Sensor faulty_sensor(Random& random, Ask ask) {
  constexpr std::array<Sensor, 5> numeric = {Sensor::temp, Sensor::co, Sensor::humidity,
                                             Sensor::lpg, Sensor::smoke};
  const std::span<const Sensor> all(numeric);
  return random.pick(ask == Ask::zero ? all.subspan(1) : all);
}

bool needs_window(const Rule& rule) {
  return std::any_of(rule.conditions.begin(), rule.conditions.begin() + rule.n_conditions,
                     [](const Condition& condition) {
                       return condition.ask == Ask::rose || condition.ask == Ask::fell ||
                              condition.ask == Ask::frozen;
                     });
}

// Which values a case may show.
struct Values {
  Split split;

  [[nodiscard]] bool allow(int ticks) const {
    const int last_digit = std::abs(ticks) % 10;
    const bool inner = last_digit >= 4 && last_digit <= 6;
    const bool even = std::abs(ticks) / 10 % 2 == 0;
    if (split == Split::held_out) return inner && even;
    return !(inner && even);
  }
};

int draw(Random& random, const Values& values, const Band& band) {
  if (band.low_ticks == band.high_ticks || band.unit == Unit::on_off) return band.low_ticks;
  for (;;) {
    const int ticks = random.between(band.low_ticks, band.high_ticks);
    if (values.allow(ticks)) return ticks;
  }
}

Unit pick_unit(Random& random, Sensor sensor) {
  if (is_switch(sensor)) return Unit::on_off;
  if (sensor == Sensor::humidity) return Unit::percent;
  if (sensor == Sensor::temp) return random.chance(0.3) ? Unit::celsius : Unit::fahrenheit;
  return Unit::ppm;
}

// Between `first` and `last`, with noise: what a working sensor shows never repeats, and stays
// within the bands it moves through.
std::vector<int> moving(Random& random, const Values& values, int first, int last, int low,
                        int high, int n_readings) {
  std::vector<int> readings = {first};
  while (static_cast<int>(readings.size()) + 1 < n_readings) {
    const int i = static_cast<int>(readings.size());
    const int middle = first + (last - first) * i / (n_readings - 1);
    int noise = std::max(2, std::abs(last - first) / 6);
    for (;; ++noise) {
      const int reading = middle + random.between(-noise, noise);
      if (!values.allow(reading) || reading < low || reading > high) continue;
      if (reading == readings.back() || (i + 2 == n_readings && reading == last)) continue;
      readings.push_back(reading);
      break;
    }
  }
  readings.push_back(last);
  return readings;
}

// Readings from the first to the last level. Neighbouring readings differ, unless the sensor is
// frozen, stuck at zero or a switch.
Channel measure(Random& random, const Values& values, Sensor sensor, Unit unit, const Wish& wish,
                int n_readings) {
  Channel channel{sensor, unit, wish.last, trend_of(wish), {}};
  auto& ticks = channel.ticks;
  const auto value = [&](Level level) {
    return draw(random, values, *find_band(sensor, unit, level));
  };
  if (wish.last == Level::frozen || wish.last == Level::zero || is_switch(sensor)) {
    const Level level =
        wish.last == Level::frozen ? random_level(random, sensor, CaseMix{}.distractor) : wish.last;
    ticks.assign(static_cast<std::size_t>(n_readings), value(level));
    return channel;
  }
  const Level last_level = is_fault(wish.last) ? wish.first : wish.last;
  const int first = value(wish.first);
  if (n_readings == 1) {
    ticks.emplace_back(value(last_level));
  } else {
    int last = value(last_level);
    while (last == first) last = value(last_level);
    const Band& from = *find_band(sensor, unit, wish.first);
    const Band& to = *find_band(sensor, unit, last_level);
    for (const int reading :
         moving(random, values, first, last, std::min(from.low_ticks, to.low_ticks),
                std::max(from.high_ticks, to.high_ticks), n_readings)) {
      ticks.emplace_back(reading);
    }
  }
  if (wish.last == Level::missing) ticks.back() = std::nullopt;
  if (wish.last == Level::impossible) ticks.back() = value(Level::impossible);
  return channel;
}
}  // namespace

State state_of(const Case& made) {
  State state;
  for (const Channel& channel : made.channels) {
    state[index(channel.sensor)] = {channel.level, channel.trend};
  }
  return state;
}

CaseMix training_mix(double ease) {
  const CaseMix full;
  return {.present = full.present - 0.25 * ease,
          .distractor = full.distractor - 0.1 * ease,
          .window = full.window * (1.0 - ease),
          .hard = 0.25,
          .free_words = 0.7};
}

Case make_case(Random& random, Split split, const CaseMix& mix) {
  const Rule& target = pick_rule(random, mix);
  for (;;) {
    const bool window = needs_window(target) || random.chance(mix.window);
    Wishes wishes;
    for (const Sensor sensor : kAllSensors) {
      wishes[index(sensor)] = random_wish(random, sensor, window, mix);
    }
    for (std::size_t i = 0; i < target.n_conditions; ++i) {
      Condition condition = target.conditions[i];
      if (target.any_sensor) condition.sensor = faulty_sensor(random, condition.ask);
      fulfil(random, condition, wishes[index(condition.sensor)]);
    }
    const auto present = std::count_if(wishes.begin(), wishes.end(),
                                       [](const Wish& wish) { return wish.last != Level::absent; });
    if (present < 2) continue;
    const Verdict verdict = judge(state_of(wishes));
    if (verdict.rule != &target) continue;

    Case made;
    made.n_readings = window ? random.between(3, 5) : 1;
    made.verdict = verdict;
    const bool parts_per_billion = random.chance(0.25);
    for (const Sensor sensor : kAllSensors) {
      const Wish& wish = wishes[index(sensor)];
      if (wish.last == Level::absent) continue;
      Unit unit = pick_unit(random, sensor);
      if (unit == Unit::ppm && parts_per_billion) unit = Unit::ppb;
      made.channels.push_back(measure(random, {split}, sensor, unit, wish, made.n_readings));
    }
    random.shuffle(made.channels);
    return made;
  }
}

}  // namespace wattle::learn
