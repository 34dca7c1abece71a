// What it costs to begin and to end a loop of the thread pool: the barrier between two products of
// a forward pass, which should be below 2 µs while the workers are still spinning.
#include <benchmark/benchmark.h>

#include <atomic>

#include "base/thread_pool.hpp"

namespace wattle {
namespace {

// Every thread has one item and leaves it when all have begun theirs, so a loop takes until the
// last worker has come, and until the caller has seen the last one go.
void loop(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  ThreadPool pool(static_cast<int>(n));
  if (pool.threads() != state.range(0)) return state.SkipWithError("no threads to be had");
  std::atomic<std::size_t> begun{0};
  for (auto _ : state) {
    begun = 0;
    pool.for_each(n, [&](std::size_t, std::size_t) {
      ++begun;
      while (begun < n) {
      }
    });
  }
  state.SetLabel("begin, meet, end");
}
BENCHMARK(loop)->Name("thread_pool/loop")->Arg(2)->UseRealTime();

// As above, but any thread may do any item: what a loop costs that is too short to share.
void empty_loop(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    pool.for_each(static_cast<std::size_t>(state.range(0)),
                  [](std::size_t item, std::size_t) { benchmark::DoNotOptimize(item); });
  }
}
BENCHMARK(empty_loop)->Name("thread_pool/empty_loop")->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

}  // namespace
}  // namespace wattle
