// What the tests of schedules share.

#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {

// Known numbers were computed in float64 by an independent program from the definitions and are
// given to ten digits, so to a relative 5e-10; what float64 loses in 1 - alpha_bar is 1e-12.
inline void expect_close(double got, double wanted, const std::string& what, double digits = 1e-9) {
  EXPECT_KNOWN(got, wanted, digits * std::abs(wanted)) << what;
}

}  // namespace ddpm
