#include "ddpm/terminal/signals.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <limits>
#include <string>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/unfinished.h"
#include "ddpm/terminal/standard_output.h"

namespace ddpm {

namespace {

constexpr std::array kStopSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr int64_t kOneStop = 100'000'000;  // nanoseconds within which signals have one cause
constexpr unsigned kPatience = 1;          // seconds that work may take to ask
constexpr std::string_view kNotice =
    "\nstopping: what is under way is finished and saved first; a second signal ends at once\n";

// All that a handler touches.
constinit std::atomic<int> g_signal{0};
constinit std::atomic<int64_t> g_came_at{std::numeric_limits<int64_t>::max()};
constinit std::atomic<bool> g_heard{false};
constinit std::atomic<bool> g_told{false};
constinit std::atomic<bool> g_asks{false};    // catch_stop_signals() was called
constinit std::atomic<bool> g_finish{false};  // with SlowStop::kFinish
constinit std::atomic<const std::string*> g_last_lines{nullptr};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

int64_t nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  for (const int other : kStopSignals) ::sigaddset(&action.sa_mask, other);
  ::sigaction(signal, &action, nullptr);
}

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// As if it had never been caught; the exit code that a shell sees is 128 + n here too.
void end_by(int signal) {
  RemovedByStop::remove_all();
  set_handler(signal, SIG_DFL);
  ::kill(::getpid(), signal);
}

void write_out(std::string_view text) {
  [[maybe_unused]] const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
}

void on_stop(int signal) {
  const int error = errno;
  int none = 0;
  if (g_signal.compare_exchange_strong(none, signal)) {
    g_came_at = nanoseconds();
    if (!g_asks && !Unfinished::any()) end_by(signal);
    ::alarm(kPatience);
  } else if (nanoseconds() - g_came_at > kOneStop) {
    end_by(signal);
  }
  errno = error;
}

// The signal came a while ago.
void on_alarm(int) {
  const int error = errno;
  if (!g_heard) {
    const bool finish = g_finish;
    if (!finish && !Unfinished::any()) {
      const std::string* const last = g_last_lines;
      if (last != nullptr) write_out(*last);
      return end_by(g_signal);
    }
    if (finish && !g_told.exchange(true)) write_out(kNotice);
    ::alarm(kPatience);
  }
  errno = error;
}

}  // namespace

void end_at_stop_signals() {
  set_handler(SIGALRM, on_alarm);
  for (const int signal : kStopSignals) {
    if (!is_ignored(signal)) set_handler(signal, on_stop);
  }
}

void catch_stop_signals(SlowStop slow, std::string_view last_lines) {
  // kept for ever: a handler may be reading the one before
  g_last_lines = last_lines.empty() ? nullptr : new std::string(concat("\n", last_lines, "\n"));
  g_finish = slow == SlowStop::kFinish;
  g_asks = true;
  if (slow == SlowStop::kEnd) give_up_if_stopped();
}

int stop_signal() { return g_signal; }

bool stop_requested() {
  const bool stop = g_asks && (stop_signal() != 0 || standard_output_is_gone());
  if (stop) g_heard = true;
  return stop;
}

int exit_code_of_stop() { return stop_signal() == 0 ? 0 : 128 + stop_signal(); }

void give_up_if_stopped() {
  if (stop_requested()) throw Stopped();
}

}  // namespace ddpm
