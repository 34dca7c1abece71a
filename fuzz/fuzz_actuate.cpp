// State files, lock journals, tables of frequencies, lists of cores, what nvpmodel prints and what
// people type: never a crash, and what is accepted comes back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "actuate/knob_lock.hpp"
#include "actuate/nvpmodel.hpp"
#include "actuate/setting.hpp"
#include "actuate/state_file.hpp"

namespace {

namespace actuate = wattle::actuate;

void require(bool condition) {
  if (!condition) std::abort();
}

void fuzz_records(std::string_view text) {
  if (const auto state = actuate::parse_state(text, "fuzz")) {
    const auto again = actuate::parse_state(actuate::state_text(*state), "fuzz");
    require(again && again->original == state->original && again->since_ns == state->since_ns);
  }
  if (const auto journal = actuate::parse_journal(text)) {
    const auto again = actuate::parse_journal(actuate::journal_text(*journal));
    require(again && again->pid == journal->pid && again->got == journal->got);
  }
}

void fuzz_tables(std::string_view text) {
  if (const auto table = actuate::parse_table(text, "fuzz")) {
    for (std::size_t i = 1; i < table->size(); ++i) require((*table)[i - 1] < (*table)[i]);
    require(!table->empty() && table->front() > 0);
  }
  if (const auto cpus = actuate::parse_cpu_list(text)) {
    require(actuate::parse_cpu_list(actuate::cpu_list_text(*cpus)) == *cpus);
  }
  if (const auto modes = actuate::parse_power_modes(text)) {
    for (const auto& mode : *modes) require(mode.id >= 0 && !mode.name.empty());
  }
  (void)actuate::parse_power_mode_query(text);
}

void fuzz_values(std::string_view text) {
  using actuate::Unit;
  for (const Unit unit : {Unit::khz, Unit::hz, Unit::mhz, Unit::pwm, Unit::none}) {
    const auto value = actuate::parse_quantity(text, unit);
    if (!value) continue;
    require(*value >= 0);
    require(actuate::parse_quantity(actuate::format_quantity(*value, unit), unit) == *value);
  }
  actuate::KnobInfo info;
  info.unit = Unit::hz;
  info.range = actuate::Range{306'000'000, 1'300'500'000};
  if (const auto limits = actuate::parse_asked_limits(text, info)) {
    require(limits->low <= limits->high && limits->low >= info.range->min);
    require(actuate::parse_limits_text(actuate::limits_text(*limits)) == *limits);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_records(text);
  fuzz_tables(text);
  fuzz_values(text);
  return 0;
}
