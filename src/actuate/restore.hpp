#pragma once
// Putting knobs back: after the driver's own work, and after it was killed.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "actuate/actuate.hpp"
#include "actuate/knob_lock.hpp"

namespace wattle::actuate {

// Does a step; empty: Actuator::perform. For tests, and for whoever wants to see every write.
using Perform = std::function<Status(Actuator&, const Step&)>;

struct RestoreOutcome {
  enum class What {
    restored,
    as_found,   // nothing to do: it is what it was
    left,       // somebody else has changed it since: not touched
    busy,       // a running process drives it: not touched
    outdated,   // recorded before the last boot, which undid it: record removed
    forgotten,  // record removed as asked, knob not touched
    failed,     // could not be put back; the record stays
  };
  std::string knob;
  What what = What::restored;
  std::string setting;  // what was put back, or would have been
  std::string message;  // why not; empty if all is well
};
[[nodiscard]] const char* what_name(RestoreOutcome::What what);  // "restored", "as found", …
// Nothing more to do about it.
[[nodiscard]] bool is_settled(const RestoreOutcome& outcome);

// Sets one knob back to `setting` if its present value is the one that `journal` says we gave it,
// or if the writing was cut short, or by `force`. Notes what it does in the lock.
[[nodiscard]] RestoreOutcome put_back(Actuator& actuator, KnobLock& lock, const Journal& journal,
                                      const std::string& setting, bool force,
                                      const Perform& perform);

struct RestoreOptions {
  std::filesystem::path folder;    // empty: default_state_folder(root)
  std::vector<std::string> knobs;  // ids; empty: all
  bool force = false;              // also what somebody else has changed
  bool forget = false;             // only remove the records
  DiscoverOptions discover;
  Perform perform;
};

// Everything that ended processes have left set, the last one set first. A knob that a running
// process drives is left alone. Fails only if the folder cannot be read.
[[nodiscard]] Result<std::vector<RestoreOutcome>> restore_all(const FsRoot& root,
                                                              const RestoreOptions& options = {});

}  // namespace wattle::actuate
