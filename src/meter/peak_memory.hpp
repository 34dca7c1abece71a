#pragma once
// The most memory this process held: VmHWM of /proc/self/status (proc(5)), in bytes. It counts the
// mapped weights that are resident. The kernel's mark is lowered to what is held now by writing 5
// to /proc/self/clear_refs; that is done before an inference, never just before reading.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fs_root.hpp"

namespace wattle::meter {

// The value of the line "VmHWM: <n> kB", in bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_peak_rss(std::string_view status);

[[nodiscard]] std::optional<std::uint64_t> peak_rss_bytes(const FsRoot& root);
// False where the kernel does not allow it: the mark is then the process's since its start.
[[nodiscard]] bool reset_peak_rss(const FsRoot& root);

}  // namespace wattle::meter
