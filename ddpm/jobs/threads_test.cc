#include "ddpm/jobs/threads.h"

#include <gtest/gtest.h>

#include "ddpm/testing/complaint.h"

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
  for (const NetworkBackend backend : {NetworkBackend::kEngine, NetworkBackend::kLibTorch}) {
    EXPECT_EQ(too_many_threads_line("sample", backend, 0, 2), "");
    EXPECT_EQ(too_many_threads_line("sample", backend, 2, 2), "");
    const std::string line = too_many_threads_line("sample", backend, 16, 2);
    EXPECT_EQ(line.rfind("sample: --threads 16: this process can use 2 cores ", 0), 0U) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const bool engine = backend == NetworkBackend::kEngine;
    expect_contains(line, engine ? "2 threads will be used, with the same results"
                                 : "so many threads are slower than --threads 2");
  }
}

}  // namespace
}  // namespace ddpm
