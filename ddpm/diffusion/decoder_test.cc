#include "ddpm/diffusion/decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {
namespace {

constexpr double kLogVariance = -9.81672513529567;  // ln beta_tilde_2 of the linear schedule

// Computed by an independent program, at sigma^2 = beta_tilde_2.
TEST(Decoder, HasTheKnownValues) {
  struct {
    int byte;
    double mean, tanh, exact;
  } const rows[] = {
      {0, -1.0, -0.353441209, -0.353383810},
      {0, -0.99, -1.583140739, -1.583681548},
      {255, 1.0, -0.353441209, -0.353383810},
      {255, 0.99, -1.583140739, -1.583681548},
      {128, x0_of_byte(128), -0.905018114, -0.904818842},
      {128, 0.01, -1.213656724, -1.213102315},
      {7, x0_of_byte(7) + 0.02, -4.260707393, -4.259444325},
  };
  for (const auto& row : rows) {
    EXPECT_KNOWN(log_decoder(row.byte, row.mean, kLogVariance, Cdf::kTanh), row.tanh, 1e-9)
        << row.byte << " " << row.mean;
    EXPECT_KNOWN(log_decoder(row.byte, row.mean, kLogVariance, Cdf::kExact), row.exact, 1e-9)
        << row.byte << " " << row.mean;
  }
  EXPECT_DOUBLE_EQ(log_decoder(128, -1.0, kLogVariance, Cdf::kTanh), std::log(1e-12));
}

// -log p, the cost, is positive: L_0 is the mean of -ln p(x_0 | x_1), with the minus sign.
TEST(Decoder, IsTheLogarithmOfAProbability) {
  for (const Cdf cdf : all_cdfs()) {
    for (int byte = 0; byte < 256; ++byte) {
      for (const double mean : {-1.5, -0.2, 0.999}) {
        for (const double log_variance : {-20.0, kLogVariance, 0.0, 4.0}) {
          const double value = log_decoder(byte, mean, log_variance, cdf);
          ASSERT_LE(value, 0.0);
          ASSERT_TRUE(std::isfinite(value)) << byte << " " << mean << " " << log_variance;
        }
      }
    }
  }
}

TEST(Decoder, ProbabilitiesOfAllBytesSumToOne) {
  for (const double log_variance : {-14.0, kLogVariance, -4.0, 0.0, 5.0}) {
    for (const double mean : {-3.0, -1.0, 0.1, 0.123456, 1.0, 40.0}) {
      double exact = 0.0;
      double tanh = 0.0;
      for (int byte = 0; byte < 256; ++byte) {
        exact += std::exp(log_decoder(byte, mean, log_variance, Cdf::kExact));
        tanh += std::exp(log_decoder(byte, mean, log_variance, Cdf::kTanh));
      }
      EXPECT_NEAR(exact, 1.0, 1e-12) << log_variance << " " << mean;
      EXPECT_NEAR(tanh, 1.0, 256e-12) << log_variance << " " << mean;  // the floor of each byte
    }
  }
}

// Far from the mean the logarithm of the mass is that of the density, which falls as a parabola.
TEST(Decoder, StaysExactWhereThePossibilityIsSmallerThanFloat64CanHold) {
  const double sigma = std::exp(0.5 * kLogVariance);
  const double far = (x0_of_byte(200) - (-0.9) - 1.0 / 255.0) / sigma;  // the bin's nearer edge
  const double value = log_decoder(200, -0.9, kLogVariance, Cdf::kExact);
  EXPECT_LT(value, -745.0);  // e^-745 is the smallest float64
  // the mass beyond the edge u is density(u) / u (1 - 1/u^2 ..)
  EXPECT_NEAR(value, -0.5 * far * far - std::log(far) - 0.9189385332046727, 1.1 / (far * far));
}

TEST(Decoder, KnowsBytesFromWhatIsNone) {
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(byte_of_x0(static_cast<float>(x0_of_byte(byte))), byte);
  }
  EXPECT_THROW(byte_of_x0(0.0), InvalidArgument);  // between 127 and 128
  EXPECT_THROW(byte_of_x0(1.01), InvalidArgument);
  EXPECT_THROW(byte_of_x0(std::numeric_limits<double>::quiet_NaN()), InvalidArgument);
  EXPECT_THROW(log_decoder(256, 0.0, 0.0, Cdf::kExact), InvalidArgument);
  EXPECT_THROW(log_decoder(1, 0.0, std::numeric_limits<double>::infinity(), Cdf::kExact),
               InvalidArgument);
  EXPECT_EQ(cdf_from("tanh"), Cdf::kTanh);
  EXPECT_THROW(cdf_from("erf"), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
