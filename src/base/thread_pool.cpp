#include "base/thread_pool.hpp"

#include <algorithm>
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

constexpr std::uint64_t pack(std::uint64_t begin, std::uint64_t end) {
  return begin << 32U | end;
}
constexpr std::uint64_t begin_of(std::uint64_t range) {
  return range >> 32U;
}
constexpr std::uint64_t end_of(std::uint64_t range) {
  return range & 0xFFFFFFFFU;
}

// What a waiting worker asks for ahead: as much as memory gives during the short serial parts of a
// forward pass, and less than a second-level cache holds.
constexpr std::size_t kPrefetchBytes = std::size_t{192} << 10U;
constexpr std::size_t kPrefetchStep = 512;

constexpr std::size_t kMostItems = 0xFFFFFFFFU;  // of a range

}  // namespace

ThreadPool::ThreadPool(int threads)
    : ranges_(std::make_unique<Range[]>(static_cast<std::size_t>(std::max(threads, 1)))),
      bells_(std::make_unique<Bell[]>(static_cast<std::size_t>(std::max(threads, 1)))) {
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
  for (std::size_t i = 1; i <= workers_.size(); ++i) wake(i);
  for (auto& thread : workers_) thread.join();
}

void ThreadPool::wake(std::size_t thread) {
  ++bells_[thread].rung;
  bells_[thread].rung.notify_one();
}

void ThreadPool::take_items(std::size_t thread) {
  std::atomic<std::uint64_t>& own = ranges_[thread].begin_end;
  for (std::uint64_t range = own; begin_of(range) < end_of(range);) {
    // Several at a time while many are left: taking one is a barrier for the loads of the items.
    const std::uint64_t begin = begin_of(range);
    const std::uint64_t n = std::max<std::uint64_t>((end_of(range) - begin) / 4, 1);
    if (!own.compare_exchange_weak(range, pack(begin + n, end_of(range)))) continue;
    task_(context_, begin, begin + n, thread);
    range = own;
  }
  for (std::size_t i = 1; i < active_; ++i) {
    std::atomic<std::uint64_t>& other = ranges_[(thread + i) % active_].begin_end;
    for (std::uint64_t range = other; begin_of(range) < end_of(range);) {
      if (!other.compare_exchange_weak(range, pack(begin_of(range), end_of(range) - 1))) continue;
      task_(context_, end_of(range) - 1, end_of(range), thread);
      range = other;
    }
  }
}

void ThreadPool::set_next(std::span<const std::byte> next) {
  next_share_ = next.size() / active_;
  next_ = next.data();
}

void ThreadPool::prefetch_next(std::size_t thread, std::size_t& done) const {
  const std::size_t share = next_share_.load(std::memory_order_relaxed);
  const std::byte* next = next_.load(std::memory_order_relaxed);
  if (next == nullptr || done >= std::min(share, kPrefetchBytes)) return pause_cpu();
  for (std::size_t i = 0; i < kPrefetchStep; i += 64) {
    __builtin_prefetch(next + share * thread + done + i, 0, 2);
  }
  done += kPrefetchStep;
}

void ThreadPool::run(std::size_t n_items, int most_threads, std::span<const std::byte> next,
                     Task task, void* context) {
  const std::lock_guard lock(one_loop_);
  const std::size_t all = workers_.size() + 1;
  const std::size_t active =
      most_threads > 0 ? std::min(all, static_cast<std::size_t>(most_threads)) : all;
  if (active == 1 || n_items <= 1 || n_items > kMostItems) {
    if (n_items > 0) task(context, 0, n_items, 0);
    return;
  }
  task_ = task;
  context_ = context;
  active_ = active;
  set_next(next);
  for (std::size_t t = 0; t < active; ++t) {
    ranges_[t].begin_end = pack(n_items * t / active, n_items * (t + 1) / active);
  }
  open_ = ++loops_;
  for (std::size_t t = 1; t < active; ++t) {
    if (bells_[t].asleep) wake(t);
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
// consistent) operations, a worker that saw the loop open is seen by run(). Likewise a worker says
// that it is asleep before it looks for a loop once more, and run() opens the loop before it looks
// for sleepers.
void ThreadPool::worker(std::size_t thread) {
  std::uint64_t last = 0;
  int spins = 0;
  std::size_t prefetched = 0;
  while (!stop_) {
    const std::uint64_t seen = open_;
    if (seen != 0 && seen != last) {
      ++inside_;
      if (const std::uint64_t number = open_; number != 0) {
        last = number;
        if (thread < active_) {
          take_items(thread);
          spins = 0;
          prefetched = 0;
        }
      }
      --inside_;
      continue;
    }
    prefetch_next(thread, prefetched);
    if (++spins < kSpins) continue;
    spins = 0;
    Bell& bell = bells_[thread];
    const std::uint32_t rung = bell.rung;
    bell.asleep = true;
    const std::uint64_t now = open_;
    if (!stop_ && (now == 0 || now == last)) bell.rung.wait(rung);
    bell.asleep = false;
  }
}

}  // namespace wattle
