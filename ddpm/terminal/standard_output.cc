#include "ddpm/terminal/standard_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <iostream>

#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

constexpr int kPollMilliseconds = 100;
constexpr int kPollsAfterStop = 8;
constexpr size_t kBufferBytes = 1 << 14;

constinit std::atomic<int> g_error{0};

// Waits until standard output takes bytes; false if a stop came and it still takes none.
bool wait_until_writable() {
  for (int after_stop = 0; after_stop < kPollsAfterStop;) {
    pollfd output{STDOUT_FILENO, POLLOUT, 0};
    const int ready = ::poll(&output, 1, kPollMilliseconds);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // an error is named by write()
    if (stop_signal() != 0) ++after_stop;
  }
  errno = EINTR;
  return false;
}

// A pipe takes PIPE_BUF bytes at once where it takes any.
bool write_out(const char* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    if (!wait_until_writable()) return false;
    const ssize_t n = ::write(STDOUT_FILENO, bytes + done, std::min<size_t>(size - done, PIPE_BUF));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

class Buffer : public std::streambuf {
 public:
  Buffer() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }

 protected:
  int_type overflow(int_type c) override {
    if (sync() != 0) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }

  int sync() override {
    const auto size = static_cast<size_t>(pptr() - pbase());
    setp(bytes_.data(), bytes_.data() + bytes_.size());
    if (g_error == 0 && !write_out(bytes_.data(), size)) g_error = errno;
    return g_error == 0 ? 0 : -1;
  }

 private:
  std::array<char, kBufferBytes> bytes_{};
};

void open_if_closed(int descriptor, int flags) {
  if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) return;
  // the lowest free number is this one, since those below it are open
  [[maybe_unused]] const int opened = ::open("/dev/null", flags);
}

}  // namespace

void prepare_standard_streams() {
  open_if_closed(STDIN_FILENO, O_RDONLY);
  open_if_closed(STDOUT_FILENO, O_RDONLY);  // not for writing, so that the loss is noticed
  open_if_closed(STDERR_FILENO, O_WRONLY);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

StandardOutput::StandardOutput()
    : ours_(std::make_unique<Buffer>()), before_(std::cout.rdbuf(ours_.get())) {}

StandardOutput::~StandardOutput() {
  std::cout.flush();
  std::cout.rdbuf(before_);
}

int standard_output_error() { return g_error; }

bool standard_output_is_gone() {
  if (g_error != 0) return true;
  pollfd output{STDOUT_FILENO, 0, 0};
  const bool gone = ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
  if (gone) g_error = EPIPE;
  return gone;
}

}  // namespace ddpm
