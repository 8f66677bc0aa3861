// Which thread of a process hears its signals.

#pragma once

#include <csignal>

namespace ddpm {

// Blocks the signals that come from outside in this thread while it lives; threads that are started
// meanwhile inherit the block for good. So a worker is never interrupted in a system call, and the
// thread that asks for a stop is the one that gets it. A signal that a thread raises itself by a
// fault (SIGSEGV, SIGBUS, ..) or by abort() is not blocked.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t outside;
    ::sigfillset(&outside);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF}) {
      ::sigdelset(&outside, own);
    }
    ::pthread_sigmask(SIG_BLOCK, &outside, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace ddpm
