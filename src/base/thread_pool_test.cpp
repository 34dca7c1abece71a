#include "base/thread_pool.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <vector>

namespace wattle {
namespace {

TEST(ThreadPool, EveryItemIsDoneOnceForAnyNumberOfThreads) {
  for (const int threads : {0, 1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), std::max(threads, 1));
    for (const std::size_t n : {0UL, 1UL, 2UL, 7UL, 1000UL}) {
      std::vector<int> done(n, 0);
      std::vector<std::size_t> by(n, 0);
      pool.for_each(n, [&](std::size_t i, std::size_t thread) {
        ++done[i];
        by[i] = thread;
      });
      EXPECT_EQ(done, std::vector<int>(n, 1));
      for (const std::size_t thread : by)
        EXPECT_LT(thread, static_cast<std::size_t>(pool.threads()));
    }
  }
}

TEST(ThreadPool, OnlyTheThreadsAskedForTakePart) {
  ThreadPool pool(4);
  for (int round = 0; round < 200; ++round) {
    for (const int most : {1, 2, 3, 4, 9}) {
      std::vector<std::atomic<int>> done(50);
      std::atomic<std::size_t> highest{0};
      pool.for_each(
          done.size(),
          [&](std::size_t i, std::size_t thread) {
            ++done[i];
            std::size_t seen = highest;
            while (seen < thread && !highest.compare_exchange_weak(seen, thread)) {
            }
          },
          most);
      for (const auto& count : done) ASSERT_EQ(count, 1);
      ASSERT_LT(highest, static_cast<std::size_t>(std::min(most, 4)));
    }
  }
}

TEST(ThreadPool, EveryThreadBeginsWithNeighbouringItemsInOrder) {
  ThreadPool pool(3);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::size_t> order;  // of thread 0, which is always there
    pool.for_each(300, [&](std::size_t i, std::size_t thread) {
      if (thread == 0) order.push_back(i);
    });
    std::size_t own = 0;
    while (own < order.size() && order[own] == own) ++own;
    ASSERT_LE(own, 100U);
    for (std::size_t i = own; i < order.size(); ++i) ASSERT_GE(order[i], 100U) << i;
  }
}

TEST(ThreadPool, RangesCoverEveryItemOnceAndAreAtMostAQuarter) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (const std::size_t n : {0UL, 1UL, 3UL, 500UL}) {
      std::vector<std::atomic<int>> done(n);
      std::atomic<std::size_t> longest{0};
      pool.for_ranges(n, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t i = begin; i < end; ++i) ++done[i];
        std::size_t seen = longest;
        while (seen < end - begin && !longest.compare_exchange_weak(seen, end - begin)) {
        }
      });
      for (const auto& count : done) ASSERT_EQ(count, 1);
      if (threads == 1 || n < 100) continue;
      // A quarter of what a thread begins with.
      EXPECT_LE(longest, n / static_cast<std::size_t>(threads) / 4);
      EXPECT_GT(longest, 1U);
    }
  }
}

TEST(ThreadPool, LoopsFollowEachOtherWithoutMixing) {
  ThreadPool pool(4);
  std::vector<std::uint64_t> values(64, 0);
  for (std::uint64_t round = 0; round < 20000; ++round) {
    pool.for_each(values.size(), [&](std::size_t i, std::size_t) { values[i] += round; });
  }
  for (const auto value : values) ASSERT_EQ(value, 19999U * 20000U / 2);
}

TEST(ThreadPool, SeveralCallersWaitForEachOther) {
  ThreadPool pool(3);
  std::uint64_t total = 0;  // protected by the pool: one loop at a time, one item each
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        std::vector<int> part(10, 0);
        pool.for_each(10, [&](std::size_t item, std::size_t) { part[item] = 1; });
        pool.for_each(1, [&](std::size_t, std::size_t) {
          total += static_cast<std::uint64_t>(std::accumulate(part.begin(), part.end(), 0));
        });
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(total, 3U * 500U * 10U);
}

TEST(ThreadPool, IdleWorkersUseNoCpuTime) {
  ThreadPool pool(4);
  pool.for_each(100, [](std::size_t, std::size_t) {});
  const auto cpu_us = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  const auto before = cpu_us();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the subject is time itself
  EXPECT_LT(cpu_us() - before, 30'000);
}

}  // namespace
}  // namespace wattle
