// Numbers and texts of a configuration as people and programs may write them.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/config/train_config.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

// Whatever is written for a number: refused in one line with the range, or finite and read back.
TEST(TrainConfig, ANumberIsFiniteOrRefused) {
  const std::vector<std::string> texts = {"nan",
                                          "-nan",
                                          "inf",
                                          "-inf",
                                          "infinity",
                                          "1e400",
                                          "-1e400",
                                          "1e-400",
                                          "0x10",
                                          "0x1p3",
                                          "1,5",
                                          "1.5.2",
                                          "1e",
                                          "1e5x",
                                          "--1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "",
                                          "1_000",
                                          "1'000",
                                          "\u0663",
                                          "1e308",
                                          "-0",
                                          "1e-320",
                                          "5e-324",
                                          "1f",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "-9223372036854775809"};
  for (const ConfigField& field : train_config_fields()) {
    for (const std::string& text : texts) {
      TrainConfig config;
      if (!field.get(config).is_number()) continue;
      try {
        field.set_text(config, text);
      } catch (const InvalidArgument& error) {
        EXPECT_NE(std::string(error.what()).find(field.key + " must be "), std::string::npos);
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        continue;
      }
      const double value = field.get(config).get<double>();
      EXPECT_TRUE(std::isfinite(value)) << field.key << " " << text;
      EXPECT_LE(std::abs(value), 1e19) << field.key << " " << text;
      TrainConfig again;
      field.set_json(again, field.get(config));
      EXPECT_EQ(again, config) << field.key << " " << text;
    }
  }
}

// adam_epsilon 1e-320 is 0 in float32, and weights without a gradient became 0 / 0.
TEST(TrainConfig, NumbersThatFloat32CannotHoldAreRefusedWithTheRange) {
  const std::vector<std::vector<std::string>> wrong = {
      {"learning_rate", "1e-320", "a number in [1e-20, 1]"},
      {"adam_epsilon", "1e-320", "a number in [1e-20, 1)"},
      {"adam_epsilon", "1e-21", "a number in [1e-20, 1)"},
      {"norm_epsilon", "4.9e-324", "a number in [1e-20, 1)"},
      {"huber_delta", "1e300", "a number in [1e-20, 1e15]"},
      {"gradient_clip", "1e16", "a number in [0, 1e15]"},
      {"steps", "9223372036854775807", "a whole number in [1, 1000000000000]"},
      {"save_every", "1000000000001", "a whole number in [0, 1000000000000]"}};
  for (const auto& row : wrong) {
    TrainConfig config;
    try {
      train_config_field(row[0]).set_text(config, row[1]);
      ADD_FAILURE() << row[0] << " took " << row[1];
    } catch (const InvalidArgument& error) {
      EXPECT_EQ(std::string(error.what()).find(row[0] + " must be " + row[2]), 0U) << error.what();
    }
  }
}

TEST(TrainConfig, AnEscapedNulInATextIsRefused) {
  for (const char* key : {"data", "init_from", "fit", "device"}) {
    const Json json = parse_json(concat("{\"", key, "\": \"images\\u0000more\"}"), "my.json");
    const std::string text =
        complaint<InvalidArgument>([&] { train_config_from_json(json, "my.json"); });
    expect_contains(text, concat("my.json: ", key, " must be "));
    expect_contains(text, "images\\u0000more");
  }
}

}  // namespace
}  // namespace ddpm
