#include "ddpm/jobs/threads.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(Threads, ZeroIsOneForEachCore) {
  EXPECT_EQ(engine_threads(0, 3), 3);
  EXPECT_EQ(libtorch_threads(0, 3), 3);
}

TEST(Threads, TheEngineTakesNoMoreThanTheCoresAndLibTorchWhatIsAskedFor) {
  EXPECT_EQ(engine_threads(2, 3), 2);
  EXPECT_EQ(engine_threads(16, 3), 3);
  EXPECT_EQ(libtorch_threads(16, 3), 16);
}

TEST(Threads, MoreThanTheCoresIsOneLineThatNamesBoth) {
  for (const char* executor : {"engine", "libtorch"}) {
    EXPECT_EQ(too_many_threads_line("sample", executor, 0, 2), "");
    EXPECT_EQ(too_many_threads_line("sample", executor, 2, 2), "");
    const std::string line = too_many_threads_line("sample", executor, 16, 2);
    EXPECT_EQ(line.rfind("sample: --threads 16: this process can use 2 cores ", 0), 0U) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace ddpm
