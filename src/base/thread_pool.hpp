#pragma once
// A fixed team of threads for loops of many short, independent pieces. Between loops the workers
// spin for a moment and then sleep, so an idle pool costs no CPU time.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace wattle {

class ThreadPool {
 public:
  // `threads` counts the calling thread: threads − 1 workers are started. At least 1. If the system
  // refuses a thread, the team is smaller (see threads()).
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(item, thread) once for every item in [0, n_items); `thread` is in [0, threads()).
  // Each thread begins with a range of neighbouring items, in order; who has finished takes from
  // the end of another's. Returns when all are done. The caller takes part, so progress never
  // depends on a worker being scheduled. Callers on several threads wait for each other. `work`
  // must not throw and must not call for_each.
  // With most_threads > 0, only the first so many threads take part; the others go on sleeping.
  // `next`: what the loop after this one will read, in the order of its items. While they wait for
  // it, workers ask for the beginning of their share.
  template <class Work>
  void for_each(std::size_t n_items, Work&& work, int most_threads = 0,
                std::span<const std::byte> next = {}) {
    for_ranges(
        n_items,
        [&work](std::size_t begin, std::size_t end, std::size_t thread) {
          for (std::size_t item = begin; item < end; ++item) work(item, thread);
        },
        most_threads, next);
  }

  // As for_each, but calls work(begin, end, thread) for items begin … end − 1: many while many are
  // left, one at the end, so that threads finish together.
  template <class Work>
  void for_ranges(std::size_t n_items, Work&& work, int most_threads = 0,
                  std::span<const std::byte> next = {}) {
    run(
        n_items, most_threads, next,
        [](void* context, std::size_t begin, std::size_t end, std::size_t thread) {
          (*static_cast<std::remove_reference_t<Work>*>(context))(begin, end, thread);
        },
        const_cast<void*>(static_cast<const void*>(&work)));
  }

 private:
  using Task = void (*)(void* context, std::size_t begin, std::size_t end, std::size_t thread);
  // The items of a thread that nobody has taken yet: begin in the upper half, end in the lower.
  struct alignas(64) Range {
    std::atomic<std::uint64_t> begin_end{0};
  };
  struct alignas(64) Bell {
    std::atomic<std::uint32_t> rung{0};  // what a sleeping worker waits on
    std::atomic<bool> asleep{false};
  };
  void run(std::size_t n_items, int most_threads, std::span<const std::byte> next, Task task,
           void* context);
  void worker(std::size_t thread);
  void set_next(std::span<const std::byte> next);
  void prefetch_next(std::size_t thread, std::size_t& done) const;
  void take_items(std::size_t thread);
  void wake(std::size_t thread);

  std::mutex one_loop_;
  // The loop in progress; written only while no worker is inside (open_ = 0 and inside_ = 0).
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::size_t active_ = 1;
  std::uint64_t loops_ = 0;
  std::unique_ptr<Range[]> ranges_;                 // [threads()]
  std::unique_ptr<Bell[]> bells_;                   // likewise
  alignas(64) std::atomic<std::uint64_t> open_{0};  // number of the loop in progress, or 0
  alignas(64) std::atomic<int> inside_{0};          // workers that may touch the loop
  // Of the loop before; only addresses, so it does not matter when a worker sees which.
  std::atomic<const std::byte*> next_{nullptr};
  std::atomic<std::size_t> next_share_{0};  // bytes of a thread
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace wattle
