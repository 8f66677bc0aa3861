#include "ddpm/engine/workers.h"

#include <chrono>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"

namespace ddpm {

namespace {

// A ticket: 16 bits of the job's number, 24 of its parts, 24 of the next part. A part is taken by
// replacing the ticket with one whose next part is one further: that succeeds only while the job is
// the one that was looked at, and as long as the part has not returned the job cannot change.
constexpr int kBits = 24;
constexpr uint64_t kMask = (uint64_t{1} << kBits) - 1;

uint64_t parts_of(uint64_t ticket) { return (ticket >> kBits) & kMask; }
uint64_t next_of(uint64_t ticket) { return ticket & kMask; }
bool has_parts(uint64_t ticket) { return next_of(ticket) < parts_of(ticket); }
uint64_t ticket_after(uint64_t before, int64_t parts) {
  const uint64_t job = (before >> (2 * kBits)) + 1;
  return job << (2 * kBits) | static_cast<uint64_t>(parts) << kBits;
}

void pause_a_moment() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// True once `done` says so; false if it does not for a while: as long as a sleep and an awakening
// would take.
template <typename Done>
bool spin_until(const Done& done) {
  constexpr std::chrono::microseconds kLongest(50);
  constexpr int kLooksAtOnce = 64;
  const auto end = std::chrono::steady_clock::now() + kLongest;
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
  ticket_.store(ticket_after(ticket_.load(), 0));
  ticket_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Workers::take_part(int64_t worker) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (has_parts(ticket)) {
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
    part_(context_, static_cast<int64_t>(next_of(ticket)), worker);
    const int64_t parts = parts_;  // not read behind the count: the next job may begin there
    if (done_.fetch_add(1) + 1 == parts && caller_sleeps_.load()) done_.notify_one();
    return true;
  }
  return false;
}

uint64_t Workers::wait_for_change(uint64_t seen) {
  uint64_t ticket = seen;
  if (spin_until([&] {
        ticket = ticket_.load(std::memory_order_acquire);
        return ticket != seen;
      })) {
    return ticket;
  }
  sleeping_.fetch_add(1);
  ticket_.wait(seen);
  sleeping_.fetch_sub(1);
  return ticket_.load(std::memory_order_acquire);
}

void Workers::serve(int64_t worker) {
  while (!stopping_.load()) {
    if (take_part(worker)) continue;
    const uint64_t ticket = ticket_.load(std::memory_order_acquire);
    if (!has_parts(ticket) && !stopping_.load()) wait_for_change(ticket);
  }
}

void Workers::run(int64_t parts, Part part, const void* context) {
  DDPM_ASSERT(parts >= 0 && parts <= kMostParts);
  if (threads_.empty() || parts <= 1) {
    for (int64_t i = 0; i < parts; ++i) part(context, i, 0);
    return;
  }
  part_ = part;
  context_ = context;
  parts_ = parts;
  done_.store(0);
  ticket_.store(ticket_after(ticket_.load(std::memory_order_relaxed), parts));
  if (sleeping_.load() > 0) ticket_.notify_all();
  while (take_part(0)) {
  }
  if (spin_until([&] { return done_.load() == parts; })) return;
  caller_sleeps_.store(true);
  for (int64_t done = done_.load(); done < parts; done = done_.load()) done_.wait(done);
  caller_sleeps_.store(false);
}

}  // namespace ddpm
