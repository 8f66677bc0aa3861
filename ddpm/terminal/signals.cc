#include "ddpm/terminal/signals.h"

#include <csignal>

namespace ddpm {

namespace {

volatile std::sig_atomic_t g_stop_signal = 0;

void remember(int signal) {
  g_stop_signal = signal;
  std::signal(signal, SIG_DFL);  // the second one ends the process
}

}  // namespace

void catch_stop_signals() {
  std::signal(SIGINT, remember);
  std::signal(SIGTERM, remember);
}

int stop_signal() { return static_cast<int>(g_stop_signal); }

void give_up_if_stopped() {
  if (stop_signal() != 0) throw Stopped();
}

int exit_code_of_stop() { return stop_signal() == 0 ? 0 : 128 + stop_signal(); }

}  // namespace ddpm
