// The rows of tests/golden/schedulers, which diffusers computed, as this library's own types.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusers/scheduler_config.h"
#include "ddpm/jobs/chain.h"

namespace ddpm {

inline constexpr BatchShape kShape{.images = 2, .channels = 1, .height = 2, .width = 3};
inline constexpr size_t kImage = 6;
inline constexpr size_t kSize = 12;

// The rows of this kind in all files.
inline std::vector<Json> golden(const std::string& kind) {
  std::vector<Json> rows;
  for (const auto& file : std::filesystem::directory_iterator(
           std::filesystem::path(DDPM_SOURCE_DIR) / "tests/golden/schedulers")) {
    if (file.path().extension() != ".json") continue;
    const Json json = parse_json(read_file(file.path(), 1 << 22), file.path().string());
    EXPECT_TRUE(json.contains("chains") || json.contains("lists") || json.contains("tables"))
        << file.path();
    if (!json.contains(kind)) continue;
    for (const Json& row : json[kind]) rows.push_back(row);
  }
  EXPECT_FALSE(rows.empty()) << kind;
  return rows;
}

inline double ramp(size_t i) {
  return static_cast<double>(2 * (i % kImage) + i / kImage) / static_cast<double>(kSize);
}

inline double falling(size_t i) { return 11.0 / 12.0 - ramp(i); }

inline double start_of(const Json& row, size_t i) {
  return row["start"] == "wide" ? 3.0 * ramp(i) - 1.5 : ramp(i);
}

inline SamplerRequest request_of(const Json& row) {
  SamplerRequest request;
  request.steps = row["steps"];
  request.eta = row.value("eta", 0.0);
  request.parity = "diffusers";
  if (row.value("rederived", false)) {
    request.switches[static_cast<size_t>(ParitySwitch::kEps)] = false;
  }
  return request;
}

inline ModelConfig model_of(const Json& row) {
  return parse_scheduler(row["scheduler"].dump(), "golden");
}

// The second half of the output where a variance is learned.
inline double second_half(Variance variance, size_t i) {
  return variance == Variance::kLearnedRange ? 2.0 * falling(i) - 1.0 : 0.01 + 0.1 * falling(i);
}

inline NetworkPointer network_of_row(const Json& row, const ModelConfig& model) {
  return network_of([scale = row["scale"].get<double>(), model](
                        ConstBatchView x, std::span<const Timestep> n, BatchView output) {
    for (int64_t image = 0; image < x.images(); ++image) {
      const std::span<float> out = output.image(image);
      const auto index = static_cast<float>(n[static_cast<size_t>(image)].index);
      for (size_t k = 0; k < kImage; ++k) {
        out[k] = static_cast<float>(scale) * x.image(image)[k] * index / (index + 1.0F);
        if (out.size() == kImage) continue;
        out[kImage + k] = static_cast<float>(
            second_half(model.variance, static_cast<size_t>(image) * kImage + k));
      }
    }
  });
}

// The largest difference, as a part of the largest value or of `size`.
inline double distance(const std::vector<double>& got, const std::vector<double>& wanted,
                       double size = 0.0) {
  double largest = size;
  double difference = 0.0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    largest = std::max(largest, std::abs(wanted[i]));
    difference = std::max(difference, std::abs(got[i] - wanted[i]));
  }
  return largest > 0.0 ? difference / largest : difference;
}

inline std::string name_of_row(const Json& row) {
  return concat(row["scheduler"].dump(), " ", row["steps"].dump(), " ", row.value("start", ""),
                " eta ", row.value("eta", 0.0));
}

// The calls of a plan in the network's clock.
inline std::vector<int64_t> calls_of(const Plan& plan) {
  std::vector<int64_t> calls;
  for (const Stage& stage : plan) calls.push_back(stage.t - 1);
  return calls;
}

}  // namespace ddpm
