#include "ddpm/terminal/standard_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <iostream>
#include <string>

#include "ddpm/terminal/signals.h"
#include "ddpm/testing/child_process.h"

namespace ddpm {
namespace {

constexpr int kFine = 7;

// The exit code of `body` with standard output led to `descriptor`.
int with_output(int descriptor, const std::function<int()>& body) {
  return in_child([&] {
    ::dup2(descriptor, STDOUT_FILENO);
    prepare_standard_streams();
    const StandardOutput output;
    return body();
  });
}

TEST(StandardOutput, AFullDiskIsAnErrorThatIsKept) {
  const int full = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  EXPECT_EQ(with_output(full,
                        [] {
                          std::cout << "a line" << std::endl;
                          std::cout << "another" << std::endl;
                          return standard_output_error() == ENOSPC && !std::cout ? kFine : 1;
                        }),
            kFine);
  ::close(full);
}

TEST(StandardOutput, APipeWithoutAReaderIsNoticedBeforeAndAfterWriting) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ::close(pipe[0]);
  EXPECT_EQ(with_output(pipe[1],
                        [] {
                          if (!standard_output_is_gone() || stop_signal() != 0) return 1;
                          return standard_output_error() == EPIPE ? kFine : 2;
                        }),
            kFine);
  EXPECT_EQ(with_output(pipe[1],
                        [] {
                          std::cout << "a line" << std::endl;
                          return standard_output_error() == EPIPE ? kFine : 1;
                        }),
            kFine);
  ::close(pipe[1]);
}

TEST(StandardOutput, APipeWithAReaderGetsEveryByte) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  std::string sent;
  for (int i = 0; i < 5000; ++i) sent += std::to_string(i) + "\n";
  const int code = with_output(pipe[1], [&] {
    std::cout << sent << std::flush;
    return standard_output_error() == 0 && !standard_output_is_gone() ? kFine : 1;
  });
  EXPECT_EQ(code, kFine);
  ::close(pipe[1]);
  std::string got(sent.size() + 1, '\0');
  size_t size = 0;
  for (ssize_t n = 1; n > 0; size += static_cast<size_t>(n)) {
    n = ::read(pipe[0], got.data() + size, got.size() - size);
  }
  ::close(pipe[0]);
  got.resize(size);
  EXPECT_EQ(got, sent);
}

TEST(StandardOutput, WithoutStandardDescriptorsFilesGetOtherNumbersAndTheLossIsNoticed) {
  EXPECT_EQ(in_child([] {
              for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
                ::close(descriptor);
              }
              prepare_standard_streams();
              if (::open("/dev/null", O_RDWR) <= STDERR_FILENO) return 1;
              const StandardOutput output;
              std::cout << "text" << std::endl;
              return standard_output_error() == EBADF ? kFine : 2;
            }),
            kFine);
}

// Nobody reads, and the pipe is full.
TEST(StandardOutput, AStopIsHeardWhileAReaderMakesUsWait) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  EXPECT_EQ(with_output(pipe[1],
                        [] {
                          end_at_stop_signals();
                          catch_stop_signals();
                          ::raise(SIGTERM);
                          if (!stop_requested()) return 1;
                          std::cout << std::string(1 << 20, 'x') << std::flush;
                          return kFine;
                        }),
            kFine);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace ddpm
