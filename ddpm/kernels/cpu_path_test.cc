#include "ddpm/kernels/cpu_path.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/base/complaint.h"

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

TEST(CpuPath, AnUnknownNameIsToldWhatThereIs) {
  const std::string said = complaint<InvalidArgument>([] { choose_cpu_path("avx3"); });
  EXPECT_EQ(said.rfind("DDPM_CPU: wanted one of portable", 0), 0U) << said;
  EXPECT_NE(said.find("got 'avx3'"), std::string::npos) << said;
}

}  // namespace
}  // namespace ddpm
