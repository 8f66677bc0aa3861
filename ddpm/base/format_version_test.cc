#include "ddpm/base/format_version.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

TEST(FormatVersion, OneThatIsNewerIsAnErrorOfItsOwn) {
  for (const Json& newer : {Json(3), Json(1000), Json(UINT64_MAX)}) {
    EXPECT_THROW(check_format_version(newer, 2, "x.json"), NewerVersion) << newer;
  }
  expect_contains(complaint<NewerVersion>([] { check_format_version(Json(3), 2, "x.json"); }),
                  "x.json: written by a newer version of ddpm; expected version 2, got 3");
}

TEST(FormatVersion, AnOlderOneAndWhatIsNoVersionAreDamage) {
  for (const Json& other : {Json(1), Json(-1), Json("2"), Json(2.5), Json(nullptr), Json(true)}) {
    EXPECT_THROW(check_format_version(other, 2, "x.json"), FormatError) << other;
  }
  EXPECT_EQ(complaint<Error>([] { check_format_version(Json(2), 2, "x.json"); }), "");
}

}  // namespace
}  // namespace ddpm
