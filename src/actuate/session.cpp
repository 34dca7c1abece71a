#include "actuate/session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/clock.hpp"

namespace wattle::actuate {

Session::Session(FsRoot root, Inventory inventory, SessionOptions options)
    : root_(std::move(root)),
      inventory_(std::move(inventory)),
      options_(std::move(options)),
      folder_(options_.folder.empty() ? default_state_folder(root_) : options_.folder),
      boot_id_(boot_id(root_)) {}

Session::~Session() {
  for (const RestoreOutcome& outcome : restore()) {
    if (!is_settled(outcome) && options_.on_trouble) options_.on_trouble(outcome);
  }
}

Session::Held* Session::find(const Actuator& actuator) {
  for (Held& held : held_) {
    if (held.actuator == &actuator) return &held;
  }
  return nullptr;
}

Status Session::hold(Actuator& actuator) {
  if (find(actuator) != nullptr) return {};
  const KnobInfo& info = actuator.info();
  if (info.problem) {
    return fail(ErrorCode::permission_denied,
                fmt::format("{} cannot be set: {}", info.id, info.problem->reason),
                info.problem->remedy);
  }
  WATTLE_TRY(KnobLock lock, KnobLock::acquire(folder_, info.id));
  auto recorded = read_state(folder_, info.id);
  if (!recorded) return std::unexpected(recorded.error());
  const bool inherited = *recorded && (*recorded)->boot_id == boot_id_;
  State state = inherited ? **recorded : State{};
  const bool found_kept = !state.kept.empty();
  std::string now = found_kept ? state.kept : info.default_setting;
  if (info.readable) {
    WATTLE_TRY(now, actuator.read());
  }
  const int pid = static_cast<int>(::getpid());
  if (!inherited) {
    state = {info.id, boot_id_, SystemClock().monotonic_ns(), pid, now, ""};
    WATTLE_CHECK(write_state(folder_, state));
  }
  // What a dead driver last set is still ours to put back, should this one die before its first
  // write.
  Journal journal = inherited ? lock.found().value_or(Journal{}) : Journal{};
  journal.pid = pid;
  if (const Status noted = lock.note(journal); !noted) {
    if (!inherited) (void)remove_state(folder_, info.id);
    return noted;
  }
  std::string back = found_kept ? now : state.original;
  held_.push_back({&actuator, std::move(lock), std::move(state), found_kept, std::move(back),
                   std::move(now), std::move(journal)});
  return {};
}

Status Session::drive(Held& held, const std::string& setting) {
  Actuator& actuator = *held.actuator;
  Status done;
  for (int attempt = 0; attempt < 2; ++attempt) {  // again if somebody else has changed it
    const auto steps = actuator.plan(held.last, setting);
    if (!steps) return std::unexpected(steps.error());
    done = {};
    for (const Step& step : *steps) {
      done = options_.perform ? options_.perform(actuator, step) : actuator.perform(step);
      if (!done) break;
    }
    if (!actuator.info().readable) {
      if (done) held.last = setting;
      return done;
    }
    auto got = actuator.read();
    if (!got) return std::unexpected(done ? got.error() : done.error());
    const bool as_before = *got == held.last;
    held.last = *std::move(got);
    if (done && actuator.accepts(setting, held.last)) return {};
    if (!done && as_before) return done;
  }
  if (!done) return done;
  return fail(ErrorCode::io,
              fmt::format("{}: asked for {}, the device took {}", actuator.info().id,
                          actuator.describe(setting), actuator.describe(held.last)),
              "Another limit holds it (thermal, power mode, firmware), or another program writes "
              "it.");
}

Result<SetOutcome> Session::set(const Target& target) {
  WATTLE_CHECK(hold(*target.actuator));
  Held& held = *find(*target.actuator);
  held.journal.pending = target.setting;
  WATTLE_CHECK(held.lock.note(held.journal));
  WATTLE_CHECK(drive(held, target.setting));  // else it stays pending: what is there now is ours
  held.journal.got = held.last;
  held.journal.pending.clear();
  WATTLE_CHECK(held.lock.note(held.journal));
  return SetOutcome{target.actuator->info().id, target.asked, target.setting, held.last,
                    held.last != target.setting};
}

Result<std::vector<SetOutcome>> Session::set(std::string_view knob, std::string_view value) {
  WATTLE_TRY(const std::vector<Actuator*> knobs, find_knobs(inventory_, knob));
  std::vector<Target> targets;
  for (Actuator* actuator : knobs) {
    WATTLE_TRY(std::string setting, actuator->parse(value));
    targets.push_back({actuator, std::string(value), std::move(setting)});
  }
  for (const Target& target : targets) WATTLE_CHECK(hold(*target.actuator));
  std::vector<SetOutcome> outcomes;
  for (const Target& target : targets) {
    WATTLE_TRY(SetOutcome outcome, set(target));
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Status Session::keep() {
  for (Held& held : held_) {
    held.state.kept = held.last;
    WATTLE_CHECK(write_state(folder_, held.state));
  }
  held_.clear();
  return {};
}

std::vector<RestoreOutcome> Session::restore() {
  std::vector<RestoreOutcome> outcomes;
  while (!held_.empty()) {
    Held& held = held_.back();
    const std::string& id = held.actuator->info().id;
    RestoreOutcome outcome =
        put_back(*held.actuator, held.lock, held.journal, held.back, false, options_.perform);
    if (is_settled(outcome) && held.found_kept) {
      held.journal = {held.journal.pid, held.back, ""};
      (void)held.lock.note(held.journal);
    } else if (is_settled(outcome)) {
      if (const Status removed = remove_state(folder_, id); removed) {
        held.lock.clear();
      } else {
        outcome.what = RestoreOutcome::What::failed;
        outcome.message = removed.error().message();
      }
    }
    outcomes.push_back(std::move(outcome));
    held_.pop_back();
  }
  return outcomes;
}

}  // namespace wattle::actuate
