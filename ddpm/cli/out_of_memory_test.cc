#include "ddpm/cli/out_of_memory.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <system_error>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

TEST(OutOfMemory, IsKnownByTypeOrByTheTextsOfLibTorch) {
  EXPECT_TRUE(is_out_of_memory(std::bad_alloc()));
  EXPECT_TRUE(is_out_of_memory(std::bad_array_new_length()));
  EXPECT_TRUE(is_out_of_memory(std::length_error("vector::_M_default_append")));
  const auto no_thread = std::make_error_code(std::errc::resource_unavailable_try_again);
  EXPECT_TRUE(is_out_of_memory(std::system_error(no_thread)));
  for (const char* text :
       {"[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: not enough memory: you "
        "tried to allocate 4398046511104 bytes.",
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)",
        "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of ..",
        "CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `x`"}) {
    EXPECT_TRUE(is_out_of_memory(std::runtime_error(text))) << text;
  }
}

TEST(OutOfMemory, OtherErrorsAreNot) {
  EXPECT_FALSE(is_out_of_memory(std::runtime_error("CUDA error: device-side assert triggered")));
  EXPECT_FALSE(is_out_of_memory(IoError("cannot open runs/out of memory/x.png")));
  const auto denied = std::make_error_code(std::errc::permission_denied);
  EXPECT_FALSE(is_out_of_memory(std::system_error(denied)));
}

TEST(OutOfMemory, TheLineNamesTheCommandAndItsOwnFlags) {
  const std::bad_alloc error;
  const std::string line =
      out_of_memory_line("train", {"--out", "--threads", "--image-size", "--batch-size"}, error);
  EXPECT_EQ(line.rfind("train: not enough memory (", 0), 0U) << line;
  EXPECT_TRUE(line.ends_with(": lower --batch-size, --image-size or --threads")) << line;
  EXPECT_TRUE(out_of_memory_line("predict", {"--threads"}, error).ends_with("lower --threads"));
  EXPECT_EQ(out_of_memory_line("export", {"--out"}, error).find("lower"), std::string::npos);
}

TEST(OutOfMemory, OfAGpuTheMachinesMemoryIsNotNamed) {
  const std::runtime_error error("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore");
  EXPECT_EQ(out_of_memory_line("train", {"--batch-size"}, error),
            "train: not enough memory on the GPU: lower --batch-size");
}

}  // namespace
}  // namespace ddpm
