#pragma once
// What a knob was before Wattle touched it, durable before the first write
// (docs/formats/actuator-state.md). One file a knob, beside its lock; only who holds the lock
// writes or removes it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs_root.hpp"
#include "base/result.hpp"

namespace wattle::actuate {

struct State {
  std::string knob;
  std::string boot_id;        // of the boot it belongs to; empty where the kernel gives none
  std::int64_t since_ns = 0;  // monotonic; the knob held last is put back first
  int pid = 0;                // who took it
  std::string original;       // setting to put back
  std::string kept;           // setting left on purpose (--keep); empty otherwise
};

[[nodiscard]] std::string state_text(const State& state);
// `source` names the file in errors. Malformed, truncated, unknown version: `invalid_format`.
[[nodiscard]] Result<State> parse_state(std::string_view text, const std::string& source);

[[nodiscard]] std::filesystem::path state_path(const std::filesystem::path& folder,
                                               std::string_view knob);
[[nodiscard]] Status write_state(const std::filesystem::path& folder, const State& state);
// Empty if there is none.
[[nodiscard]] Result<std::optional<State>> read_state(const std::filesystem::path& folder,
                                                      const std::string& knob);
[[nodiscard]] Status remove_state(const std::filesystem::path& folder, const std::string& knob);
// Knobs of which there is a state file; a folder that is not there has none.
[[nodiscard]] Result<std::vector<std::string>> list_states(const std::filesystem::path& folder);

// /proc/sys/kernel/random/boot_id; empty where there is none.
[[nodiscard]] std::string boot_id(const FsRoot& root);

}  // namespace wattle::actuate
