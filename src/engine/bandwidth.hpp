#pragma once
// The memory read bandwidth that decoding is limited by, measured on this machine.

namespace wattle::engine {

// Gigabytes (10⁹) per second that `threads` threads (0: the cores this process may use) read from
// memory at best: each reads its part of 512 MB in four streams, the best of the passes that fit
// into about 0.2 s. Takes less than 0.5 s on an idle machine. 0 if memory cannot be had.
[[nodiscard]] double measure_read_bandwidth_gbs(int threads);

}  // namespace wattle::engine
