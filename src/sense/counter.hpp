#pragma once
// A wrapping energy counter made into energy that only grows.

#include <cstdint>
#include <optional>
#include <string>

namespace wattle::sense {

class CounterUnwrapper {
 public:
  // `range`: the largest value, after which the counter starts at 0 (powercap's
  // max_energy_range_uj). `unit_j`: joules of one count. `max_power_w`: more than this cannot be,
  // so a step that would need it is a reset (driver reloaded, machine resumed), not energy.
  // `update_period_s`: a counter may show this much time's energy at once.
  CounterUnwrapper(std::uint64_t range, double unit_j, double max_power_w, double update_period_s);

  struct Step {
    double energy_j = 0.0;            // cumulative since the first value
    std::optional<std::string> lost;  // what happened since the last value is unknown, and why
  };
  // new ≥ old: new − old; otherwise range − old + new, if that is plausible in the time passed.
  Step add(std::uint64_t value, std::int64_t t_ns);
  // The next value starts afresh: the reads in between failed.
  void forget() { last_.reset(); }

 private:
  double range_;
  double unit_j_;
  double max_power_w_;
  double update_period_s_;
  double energy_j_ = 0.0;
  std::optional<std::uint64_t> last_;
  std::int64_t last_t_ns_ = 0;
};

}  // namespace wattle::sense
