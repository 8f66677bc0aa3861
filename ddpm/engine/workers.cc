#include "ddpm/engine/workers.h"

#include <algorithm>
#include <chrono>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/thread_signals.h"

namespace ddpm {

namespace {

// A ticket: 16 bits of the job's number, 24 of the parts of a share, 24 of those taken. A part is
// taken by replacing the ticket with one that says one more: that succeeds only while the job is
// the one that was looked at, and as long as a part has not been counted the job cannot change.
constexpr int kBits = 24;
constexpr uint64_t kMask = (uint64_t{1} << kBits) - 1;

uint64_t parts_of(uint64_t ticket) { return (ticket >> kBits) & kMask; }
uint64_t taken_of(uint64_t ticket) { return ticket & kMask; }
bool has_parts(uint64_t ticket) { return taken_of(ticket) < parts_of(ticket); }
uint64_t ticket_after(uint64_t before, int64_t parts) {
  const uint64_t job = (before >> (2 * kBits)) + 1;
  return job << (2 * kBits) | static_cast<uint64_t>(parts) << kBits;
}

// Parts are dealt in rounds, `together` to each worker.
int64_t size_of_share(int64_t parts, int64_t together, int64_t workers, int64_t owner) {
  const int64_t round = together * workers, rest = parts % round;
  return parts / round * together + std::clamp<int64_t>(rest - owner * together, 0, together);
}
int64_t part_of_share(int64_t i, int64_t together, int64_t workers, int64_t owner) {
  return (i / together * workers + owner) * together + i % together;
}

void pause_a_moment() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// As long as a sleep and an awakening take. A worker without a core of its own does not spin: it
// would take the time, or the CPU quota, of those that have work.
std::chrono::microseconds spin_time(int64_t workers) {
  constexpr std::chrono::microseconds kSpinTime(50);
  return workers <= usable_cores() ? kSpinTime : std::chrono::microseconds(0);
}

// True once `done` returns true; false if it does not for `time`.
template <typename Done>
bool spin_until(std::chrono::microseconds time, const Done& done) {
  constexpr int kLooksAtOnce = 64;
  const auto end = std::chrono::steady_clock::now() + time;
  do {
    for (int i = 0; i < kLooksAtOnce; ++i) {
      if (done()) return true;
      pause_a_moment();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

Workers::Workers(int64_t count) {
  DDPM_CHECK(count >= 0, "workers: wanted at least 0 threads, got ", count);
  const int64_t wanted = count > 0 ? count : usable_cores();
  spin_time_ = spin_time(wanted);
  shares_ = std::vector<Share>(static_cast<size_t>(wanted));
  const BlockedSignals blocked;  // in the threads that are started here
  try {
    for (int64_t worker = 1; worker < wanted; ++worker) {
      threads_.emplace_back([this, worker] { serve(worker); });
    }
  } catch (...) {
    stop();
    throw;
  }
}

Workers::~Workers() { stop(); }

void Workers::stop() {
  stopping_.store(true);
  job_ = {};
  publish();
  for (std::thread& thread : threads_) thread.join();
}

// Gives each worker its share of job_.
void Workers::publish() {
  for (int64_t owner = 0; owner < count(); ++owner) {
    std::atomic<uint64_t>& ticket = shares_[static_cast<size_t>(owner)].ticket;
    const int64_t parts = size_of_share(job_.parts, job_.together, count(), owner);
    ticket.store(ticket_after(ticket.load(std::memory_order_relaxed), parts));
  }
  if (sleeping_.load() == 0) return;
  for (Share& share : shares_) share.ticket.notify_all();
}

bool Workers::take_part(int64_t owner, int64_t worker) {
  std::atomic<uint64_t>& shared = shares_[static_cast<size_t>(owner)].ticket;
  uint64_t ticket = shared.load(std::memory_order_acquire);
  while (has_parts(ticket)) {
    if (!shared.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
    const auto i = static_cast<int64_t>(taken_of(ticket));
    job_.part(job_.context, part_of_share(i, job_.together, count(), owner), worker);
    return true;
  }
  return false;
}

// The worker's own parts, then those that others have left; false if there were none.
bool Workers::take_all(int64_t worker) {
  int64_t taken = 0;
  for (int64_t i = 0; i < count(); ++i) {
    while (take_part((worker + i) % count(), worker)) ++taken;
  }
  if (taken == 0) return false;
  const int64_t parts = job_.parts;  // not read behind the count: the next job may begin there
  if (done_.fetch_add(taken) + taken == parts && caller_sleeps_.load()) done_.notify_one();
  return true;
}

void Workers::wait_for_job(int64_t worker) {
  std::atomic<uint64_t>& ticket = shares_[static_cast<size_t>(worker)].ticket;
  const uint64_t seen = ticket.load(std::memory_order_acquire);
  if (has_parts(seen) || stopping_.load()) return;
  if (spin_until(spin_time_, [&] { return ticket.load(std::memory_order_acquire) != seen; }))
    return;
  sleeping_.fetch_add(1);
  ticket.wait(seen);
  sleeping_.fetch_sub(1);
}

void Workers::serve(int64_t worker) {
  while (!stopping_.load()) {
    if (!take_all(worker)) wait_for_job(worker);
  }
}

void Workers::run(const Job& job) {
  DDPM_ASSERT(job.parts >= 0 && job.parts <= kMostParts && job.together >= 1);
  if (threads_.empty() || job.parts <= 1) {
    for (int64_t i = 0; i < job.parts; ++i) job.part(job.context, i, 0);
    return;
  }
  job_ = job;
  done_.store(0);
  publish();
  take_all(0);
  if (spin_until(spin_time_, [&] { return done_.load() == job.parts; })) return;
  caller_sleeps_.store(true);
  for (int64_t done = done_.load(); done < job.parts; done = done_.load()) done_.wait(done);
  caller_sleeps_.store(false);
}

}  // namespace ddpm
