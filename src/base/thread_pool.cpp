#include "base/thread_pool.hpp"

#include <system_error>

namespace wattle {
namespace {

void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// About 50 µs of pauses: longer than the gap between two loops of a forward pass.
constexpr int kSpins = 1000;

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; ++i) {
    try {
      workers_.emplace_back([this, i] { worker(static_cast<std::size_t>(i)); });
    } catch (const std::system_error&) {
      break;  // fewer threads than asked for still do all the work
    }
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  ++alarm_;
  alarm_.notify_all();
  for (auto& thread : workers_) thread.join();
}

void ThreadPool::take_items(std::size_t thread) {
  for (std::size_t item = next_++; item < n_items_; item = next_++) task_(context_, item, thread);
}

void ThreadPool::run(std::size_t n_items, Task task, void* context) {
  const std::lock_guard lock(one_loop_);
  if (workers_.empty() || n_items <= 1) {
    for (std::size_t i = 0; i < n_items; ++i) task(context, i, 0);
    return;
  }
  task_ = task;
  context_ = context;
  n_items_ = n_items;
  next_ = 0;
  open_ = ++loops_;
  if (sleepers_ > 0) {
    ++alarm_;
    alarm_.notify_all();
  }
  take_items(0);
  // No worker may enter from here on; wait for those that are inside.
  open_ = 0;
  for (int spins = 0; inside_ != 0; ++spins) {
    pause_cpu();
    if (spins > kSpins) std::this_thread::yield();
  }
}

// A worker first says that it is inside and then looks whether a loop is open; run() first closes
// the loop and then looks whether anybody is inside. In the single order of these (sequentially
// consistent) operations, a worker that saw the loop open is seen by run().
void ThreadPool::worker(std::size_t thread) {
  std::uint64_t last = 0;
  int spins = 0;
  while (!stop_) {
    const std::uint64_t seen = open_;
    if (seen != 0 && seen != last) {
      ++inside_;
      if (const std::uint64_t number = open_; number != 0) {
        take_items(thread);
        last = number;
      }
      --inside_;
      spins = 0;
      continue;
    }
    pause_cpu();
    if (++spins < kSpins) continue;
    spins = 0;
    const std::uint32_t alarm = alarm_;
    ++sleepers_;
    const std::uint64_t now = open_;
    if (!stop_ && (now == 0 || now == last)) alarm_.wait(alarm);
    --sleepers_;
  }
}

}  // namespace wattle
