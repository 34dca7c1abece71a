#include "actuate/restore.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "actuate/state_file.hpp"

namespace wattle::actuate {
namespace {

using What = RestoreOutcome::What;

Status do_steps(Actuator& actuator, const std::vector<Step>& steps, const Perform& perform) {
  for (const Step& step : steps) {
    WATTLE_CHECK(perform ? perform(actuator, step) : actuator.perform(step));
  }
  return {};
}

// Killed in the midst of a write, the present value may be anything on the way.
bool is_ours(const Journal& journal, const std::string& now) {
  return !journal.pending.empty() || journal.got == now;
}

class Restorer {
 public:
  Restorer(const FsRoot& root, const RestoreOptions& options)
      : root_(root),
        options_(options),
        folder_(options.folder.empty() ? default_state_folder(root) : options.folder),
        boot_(boot_id(root)) {}

  Result<std::vector<RestoreOutcome>> run() {
    WATTLE_TRY(const std::vector<std::string> knobs, in_order());
    std::vector<RestoreOutcome> outcomes;
    for (const std::string& knob : knobs) outcomes.push_back(restore_one(knob));
    return outcomes;
  }

 private:
  // The last one held first; those that cannot be read at the end.
  Result<std::vector<std::string>> in_order() const {
    WATTLE_TRY(const std::vector<std::string> names, list_states(folder_));
    std::vector<std::pair<std::int64_t, std::string>> states;
    for (const std::string& name : names) {
      const auto& only = options_.knobs;
      if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) continue;
      const auto state = read_state(folder_, name);
      states.emplace_back(state && *state ? (*state)->since_ns : -1, name);
    }
    std::stable_sort(states.begin(), states.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::string> knobs;
    for (auto& [since, name] : states) knobs.push_back(std::move(name));
    return knobs;
  }

  RestoreOutcome restore_one(const std::string& knob) {
    auto lock = KnobLock::acquire(folder_, knob);
    if (!lock) {
      const bool busy = lock.error().code == ErrorCode::unavailable;
      return {knob, busy ? What::busy : What::failed, "", lock.error().message()};
    }
    if (options_.forget) return drop(knob, *lock, {knob, What::forgotten, "", ""});
    const auto state = read_state(folder_, knob);
    if (!state) return {knob, What::failed, "", state.error().message()};
    if (!*state) return {knob, What::as_found, "", ""};  // its driver has just put it back
    if ((*state)->boot_id != boot_) {
      return drop(knob, *lock,
                  {knob, What::outdated, (*state)->original,
                   "it was set before the last boot, which undid it"});
    }
    Actuator* const actuator = find(knob);
    if (actuator == nullptr) return {knob, What::failed, (*state)->original, why_missing(knob)};
    RestoreOutcome outcome = put_back(*actuator, *lock, lock->found().value_or(Journal{}),
                                      (*state)->original, options_.force, options_.perform);
    return is_settled(outcome) ? drop(knob, *lock, std::move(outcome)) : outcome;
  }

  RestoreOutcome drop(const std::string& knob, KnobLock& lock, RestoreOutcome outcome) const {
    if (const Status removed = remove_state(folder_, knob); !removed) {
      return {knob, What::failed, outcome.setting, removed.error().message()};
    }
    lock.clear();
    return outcome;
  }

  // A knob may be missing because another one hid it: a policy whose cores were off.
  Actuator* find(const std::string& knob) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (attempt > 0 || inventory_.actuators.empty()) {
        inventory_ = discover(root_, options_.discover);
      }
      for (const auto& actuator : inventory_.actuators) {
        if (actuator->info().id == knob) return actuator.get();
      }
    }
    return nullptr;
  }

  std::string why_missing(const std::string& knob) const {
    for (const Unavailable& missing : inventory_.unavailable) {
      if (missing.id == knob) return missing.problem.reason;
    }
    return "there is no such knob here now";
  }

  const FsRoot& root_;
  const RestoreOptions& options_;
  std::filesystem::path folder_;
  std::string boot_;
  Inventory inventory_;
};

}  // namespace

const char* what_name(What what) {
  switch (what) {
    case What::restored:
      return "restored";
    case What::as_found:
      return "as found";
    case What::left:
      return "left";
    case What::busy:
      return "busy";
    case What::outdated:
      return "outdated";
    case What::forgotten:
      return "forgotten";
    case What::failed:
      return "failed";
  }
  return "unknown";
}

bool is_settled(const RestoreOutcome& outcome) {
  return outcome.what != What::left && outcome.what != What::busy && outcome.what != What::failed;
}

RestoreOutcome put_back(Actuator& actuator, KnobLock& lock, const Journal& journal,
                        const std::string& setting, bool force, const Perform& perform) {
  const KnobInfo& info = actuator.info();
  const auto outcome = [&](What what, std::string message) {
    return RestoreOutcome{info.id, what, setting, std::move(message)};
  };
  std::string now;
  if (info.readable) {
    auto present = actuator.read();
    if (!present) return outcome(What::failed, present.error().message());
    now = *std::move(present);
    if (now == setting) return outcome(What::as_found, "");
    if (!force && !is_ours(journal, now)) {
      return outcome(What::left,
                     fmt::format("it is {} now, which somebody else has set; --force restores {}",
                                 actuator.describe(now), actuator.describe(setting)));
    }
  }
  const Journal writing{static_cast<int>(::getpid()), journal.got, setting};
  if (const Status noted = lock.note(writing); !noted) {
    return outcome(What::failed, noted.error().message());
  }
  const auto steps = actuator.plan(now, setting);
  if (!steps) return outcome(What::failed, steps.error().message());
  if (const Status done = do_steps(actuator, *steps, perform); !done) {
    return outcome(What::failed, done.error().message());
  }
  if (!info.readable) return outcome(What::restored, "");
  const auto got = actuator.read();
  if (!got) return outcome(What::failed, got.error().message());
  if (!actuator.accepts(setting, *got)) {
    return outcome(What::failed, fmt::format("it was {}, the device took {}",
                                             actuator.describe(setting), actuator.describe(*got)));
  }
  return outcome(What::restored, "");
}

Result<std::vector<RestoreOutcome>> restore_all(const FsRoot& root, const RestoreOptions& options) {
  return Restorer(root, options).run();
}

}  // namespace wattle::actuate
