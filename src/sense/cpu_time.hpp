#pragma once
// What reading costs.

#include <cstdint>

namespace wattle::sense {

// Processor time of the calling thread.
[[nodiscard]] std::int64_t thread_cpu_ns();
// Of programs that this process started, that have ended and been waited for.
[[nodiscard]] std::int64_t programs_cpu_ns();

}  // namespace wattle::sense
