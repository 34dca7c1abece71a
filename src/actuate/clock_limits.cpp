#include "actuate/clock_limits.hpp"

#include <cstdlib>

namespace wattle::actuate {

ClockLimits::ClockLimits(const FsRoot& root, KnobInfo info, ClockFiles files, std::int64_t rounding)
    : FileActuator(root, std::move(info)), files_(std::move(files)), rounding_(rounding) {
  mutable_info().limits = true;
  check_writable({files_.min, files_.max});
}

Result<std::string> ClockLimits::parse(std::string_view asked) const {
  WATTLE_TRY(const Limits limits, parse_asked_limits(asked, info()));
  return limits_text(limits);
}

Result<std::string> ClockLimits::read() {
  WATTLE_TRY(const std::int64_t low, root().read_int(files_.min));
  WATTLE_TRY(const std::int64_t high, root().read_int(files_.max));
  if (low < 0 || high < low) {
    return fail(ErrorCode::invalid_format, root().resolve(files_.min).string() + " holds " +
                                               std::to_string(low) + ", " +
                                               root().resolve(files_.max).string() + " holds " +
                                               std::to_string(high) + ": these are no limits");
  }
  return limits_text({low, high});
}

Result<std::vector<Step>> ClockLimits::plan(const std::string& from, const std::string& to) const {
  WATTLE_TRY(const Limits before, parse_limits_text(from));
  WATTLE_TRY(const Limits after, parse_limits_text(to));
  return plan_limits(before, after, files_.min, files_.max);
}

bool ClockLimits::accepts(const std::string& wanted, const std::string& got) const {
  const auto w = parse_limits_text(wanted);
  const auto g = parse_limits_text(got);
  return w && g && std::abs(w->low - g->low) <= rounding_ &&
         std::abs(w->high - g->high) <= rounding_;
}

std::string ClockLimits::describe(const std::string& setting) const {
  return describe_limits(setting, info().unit);
}

std::string ClockLimits::observe() {
  const auto now =
      files_.current.empty() ? fail(ErrorCode::not_found, "") : root().read_int(files_.current);
  return now && *now > 0 ? format_quantity(*now, info().unit) : "";
}

}  // namespace wattle::actuate
