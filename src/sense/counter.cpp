#include "sense/counter.hpp"

#include <fmt/format.h>

namespace wattle::sense {

CounterUnwrapper::CounterUnwrapper(std::uint64_t range, double unit_j, double max_power_w,
                                   double update_period_s)
    : range_(static_cast<double>(range)),
      unit_j_(unit_j),
      max_power_w_(max_power_w),
      update_period_s_(update_period_s) {}

CounterUnwrapper::Step CounterUnwrapper::add(std::uint64_t value, std::int64_t t_ns) {
  if (!last_) {
    last_ = value;
    last_t_ns_ = t_ns;
    return {energy_j_, std::nullopt};
  }
  const std::uint64_t old = *last_;
  const double seconds = static_cast<double>(t_ns - last_t_ns_) * 1e-9;
  last_ = value;
  last_t_ns_ = t_ns;
  const double most_j = max_power_w_ * (seconds + update_period_s_);
  // So long without a reading that the counter may have gone round unseen.
  if (range_ > 0.0 && most_j > range_ * unit_j_) {
    return {energy_j_,
            fmt::format("not read for {:.0f} s: the counter may have wrapped unseen", seconds)};
  }
  const bool backwards = value < old;
  if (backwards && range_ <= 0.0) {
    return {energy_j_, "the counter went backwards and states no range: taken as a reset"};
  }
  const double counts = backwards ? (range_ - static_cast<double>(old)) + static_cast<double>(value)
                                  : static_cast<double>(value - old);
  const double delta_j = counts * unit_j_;
  if (counts < 0.0 || delta_j > most_j) {
    return {energy_j_,
            fmt::format("the counter went from {} to {} in {:.3f} s, more than {:.0f} W allow: "
                        "taken as a reset",
                        old, value, seconds, max_power_w_)};
  }
  energy_j_ += delta_j;
  return {energy_j_, std::nullopt};
}

}  // namespace wattle::sense
