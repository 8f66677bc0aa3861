#include "ddpm/engine/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

constexpr std::chrono::milliseconds kUntilAllSleep(3);  // they spin for 50 microseconds
constexpr std::chrono::seconds kNever(60);              // what hangs fails after this

using Counts = std::vector<std::atomic<int64_t>>;

// One job; expects that each part ran once, by a worker that there is.
void expect_each_once(Workers& workers, int64_t parts, int64_t together = 1) {
  Counts times(static_cast<size_t>(parts));
  std::atomic<int64_t> strangers{0};
  workers.run(parts, together, [&](int64_t part, int64_t worker) {
    if (part < 0 || part >= parts || worker < 0 || worker >= workers.count()) {
      ++strangers;
    } else {
      ++times[static_cast<size_t>(part)];
    }
  });
  EXPECT_EQ(strangers.load(), 0);
  for (size_t i = 0; i < times.size(); ++i) ASSERT_EQ(times[i].load(), 1) << "part " << i;
}

TEST(Workers, EveryPartRunsOnce) {
  for (int64_t count = 1; count <= 5; ++count) {
    Workers workers(count);
    EXPECT_EQ(workers.count(), count);
    for (const int64_t parts : {0, 1, 2, 3, 7, 12, 1000}) {
      for (const int64_t together : {1, 2, 3, 2000}) expect_each_once(workers, parts, together);
    }
  }
}

// As long as each has parts of its own left: all of them wait for the slowest in every round.
TEST(Workers, PartsAreDealtInTurn) {
  for (const int64_t together : {1, 2, 3}) {
    constexpr int64_t kWorkers = 3, kRounds = 4;
    Workers workers(kWorkers);
    const int64_t parts = kWorkers * together * kRounds;
    std::vector<int64_t> by(static_cast<size_t>(parts), -1);
    std::atomic<int64_t> begun{0};
    std::atomic<int64_t> taken[kWorkers] = {};
    workers.run(parts, together, [&](int64_t part, int64_t worker) {
      by[static_cast<size_t>(part)] = worker;
      ++begun;
      const int64_t together_begun = ++taken[worker] * kWorkers;
      const auto end = std::chrono::steady_clock::now() + kNever;
      while (begun.load() < together_begun && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
      }
    });
    for (int64_t part = 0; part < parts; ++part) {
      EXPECT_EQ(by[static_cast<size_t>(part)], part / together % kWorkers)
          << "part " << part << ", " << together << " together";
    }
  }
}

TEST(Workers, WhatPartsWroteIsSeenBehindTheJobWithoutAtomics) {
  Workers workers(4);
  std::vector<int64_t> values(1000);
  for (int64_t job = 0; job < 200; ++job) {
    workers.run(std::ssize(values), [&](int64_t part, int64_t) {
      auto& value = values[static_cast<size_t>(part)];
      value = value + part + job;  // what the job before wrote is read, perhaps by another thread
    });
  }
  for (int64_t part = 0; part < std::ssize(values); ++part) {
    EXPECT_EQ(values[static_cast<size_t>(part)], 200 * part + 199 * 100);
  }
}

TEST(Workers, AWorkersNumberIsThatOfOneThread) {
  Workers workers(3);
  const auto caller = std::this_thread::get_id();
  std::vector<std::set<std::thread::id>> threads(3);  // each written by its worker alone
  for (int job = 0; job < 50; ++job) {
    workers.run(300, [&](int64_t, int64_t worker) {
      threads[static_cast<size_t>(worker)].insert(std::this_thread::get_id());
    });
  }
  EXPECT_EQ(threads[0], std::set{caller});
  for (const auto& of_one : threads) EXPECT_LE(of_one.size(), 1U);
}

// More than 2^16, so that the number of the job in a ticket begins anew.
TEST(Workers, ShortJobsFollowEachOtherByTheThousand) {
  for (int64_t count = 2; count <= 4; ++count) {
    Workers workers(count);
    std::atomic<int64_t> sum{0};
    constexpr int64_t kJobs = 70'000;
    for (int64_t job = 0; job < kJobs; ++job) {
      workers.run(2 + job % 4, [&](int64_t part, int64_t) { sum += part + 1; });
    }
    EXPECT_EQ(sum.load(), kJobs / 4 * (3 + 6 + 10 + 15));
  }
}

TEST(Workers, SleepersAreWokenByTheNextJob) {
  Workers workers(3);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(kUntilAllSleep);
    expect_each_once(workers, 7);
  }
}

// Two parts that wait for each other need two threads at once, the second from its sleep.
TEST(Workers, AJobOfTwoPartsHasTwoThreads) {
  Workers workers(2);
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0) std::this_thread::sleep_for(kUntilAllSleep);
    std::atomic<int64_t> here{0};
    std::atomic<bool> met{true};
    workers.run(2, [&](int64_t, int64_t) {
      ++here;
      const auto end = std::chrono::steady_clock::now() + kNever;
      while (here.load() < 2) {
        std::this_thread::yield();
        if (std::chrono::steady_clock::now() > end) {
          met = false;
          return;
        }
      }
    });
    ASSERT_TRUE(met.load()) << "job " << i;
  }
}

TEST(Workers, TheyEndAtOnceAndFromTheirSleep) {
  for (int64_t count = 1; count <= 5; ++count) {
    for (int i = 0; i < 50; ++i) Workers workers(count);  // before they have begun, perhaps
    for (int i = 0; i < 50; ++i) {
      Workers workers(count);
      expect_each_once(workers, count);
    }
    Workers workers(count);
    std::this_thread::sleep_for(kUntilAllSleep);
  }
}

// Part 0 does not end before all others have: they are done by the other workers.
TEST(Workers, OneThatIsSlowHoldsUpNothingButItsOwnPart) {
  for (int64_t count = 2; count <= 4; ++count) {
    Workers workers(count);
    constexpr int64_t kParts = 500;
    std::atomic<int64_t> others{0};
    std::atomic<bool> all_done{false};
    workers.run(kParts, [&](int64_t part, int64_t) {
      if (part != 0) {
        ++others;
        return;
      }
      const auto end = std::chrono::steady_clock::now() + kNever;
      while (others.load() < kParts - 1 && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
      }
      all_done = others.load() == kParts - 1;
    });
    EXPECT_TRUE(all_done.load()) << count << " workers";
  }
}

// The other's part has begun, and takes so long that the caller sleeps and has to be woken.
TEST(Workers, TheCallerWaitsForTheSlowestPart) {
  Workers workers(2);
  for (int i = 0; i < 10; ++i) {
    std::atomic<int64_t> begun{0}, returned{0};
    workers.run(2, [&](int64_t, int64_t worker) {
      ++begun;
      const auto end = std::chrono::steady_clock::now() + kNever;
      while (begun.load() < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      if (worker != 0) std::this_thread::sleep_for(kUntilAllSleep);
      ++returned;
    });
    EXPECT_EQ(returned.load(), 2);
  }
}

TEST(Workers, TwoGroupsWorkSideBySide) {
  std::thread other([] {
    Workers workers(2);
    for (int i = 0; i < 500; ++i) expect_each_once(workers, 5);
  });
  Workers workers(2);
  for (int i = 0; i < 500; ++i) expect_each_once(workers, 5);
  other.join();
}

TEST(Workers, ZeroIsOneForEachCoreAndLessIsRefused) {
  EXPECT_GE(Workers(0).count(), 1);
  EXPECT_EQ(complaint<InvalidArgument>([] { Workers(-1); }),
            "workers: wanted at least 0 threads, got -1");
}

}  // namespace
}  // namespace ddpm
