#include "ddpm/kernels/cpu_path.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/kernels/kernels.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

TEST(CpuPath, ThePortableOneIsAlwaysThere) {
  const auto paths = available_cpu_paths();
  ASSERT_FALSE(paths.empty());
  EXPECT_EQ(paths.front(), CpuPath::kPortable);
}

TEST(CpuPath, TheFastestIsTakenUnlessOneIsNamed) {
  const auto paths = available_cpu_paths();
  EXPECT_EQ(choose_cpu_path(""), paths.back());
  for (const CpuPath path : paths) EXPECT_EQ(choose_cpu_path(name_of(path)), path);
}

// On this machine or any other: what a CPU lacks is no illegal instruction.
TEST(CpuPath, OneThatTheCpuLacksIsRefused) {
  const CpuPath old[] = {CpuPath::kPortable, CpuPath::kAvx2};
  EXPECT_NO_THROW(check_cpu_path(CpuPath::kAvx2, old));
  EXPECT_EQ(complaint<InvalidArgument>([&] { check_cpu_path(CpuPath::kAvx512Bf16, old); }),
            "kernels: expected a path that this CPU has, portable, avx2, got avx512_bf16");
  const auto none = static_cast<CpuPath>(99);
  EXPECT_THROW(kernels_of(none), InvalidArgument);
  for (const CpuPath path : available_cpu_paths()) EXPECT_NO_THROW(kernels_of(path));
}

TEST(CpuPath, AnUnknownNameIsToldWhatThereIs) {
  const std::string message = complaint<InvalidArgument>([] { choose_cpu_path("avx3"); });
  EXPECT_EQ(message.rfind("DDPM_CPU: expected one of portable", 0), 0U) << message;
  EXPECT_NE(message.find("got 'avx3'"), std::string::npos) << message;
}

}  // namespace
}  // namespace ddpm
