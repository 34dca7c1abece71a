#pragma once
// A loop over independent items on a few threads, for file-to-file work.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace wattle::compress {

// Cores that this process may use, or `wanted` if it is positive.
[[nodiscard]] inline std::size_t worker_count(int wanted) {
  if (wanted > 0) return static_cast<std::size_t>(wanted);
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

// Calls work(i) once for each i < n_items, on at most n_threads threads including the caller's.
// `work` must not throw; which thread runs which item is not determined.
template <class Work>
void parallel_for(std::size_t n_items, std::size_t n_threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next.fetch_add(1); i < n_items; i = next.fetch_add(1)) work(i);
  };
  std::vector<std::jthread> helpers;
  for (std::size_t t = 1; t < std::min(n_threads, n_items); ++t) helpers.emplace_back(run);
  run();
}

}  // namespace wattle::compress
