#include "ddpm/jobs/predict.h"

#include <gtest/gtest.h>

#include <limits>
#include <span>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_job.h"

namespace ddpm {
namespace {

template <typename T>
NpyArray array_of(const char* dtype, const std::vector<int64_t>& shape,
                  const std::vector<T>& values) {
  return {dtype, shape, std::string(as_text(std::as_bytes(std::span<const T>(values))))};
}

PredictRequest request_of(const ToyJob& toy) {
  std::vector<float> x;
  for (int i = 0; i < 32; ++i) x.push_back(static_cast<float>(i));
  return {.model = toy.model(),
          .input = array_of("<f4", {2, 1, 4, 4}, x),
          .timesteps = array_of<int64_t>("<i8", {2}, {0, 19}),
          .input_name = "x.npy",
          .timesteps_name = "t.npy"};
}

TEST(PredictJob, GivesTheOutputAndPrintsNothing) {
  const ToyJob toy;
  const RecordingWatch watch;
  PredictResult result;
  EXPECT_EQ(printed_by([&] { result = predict(request_of(toy), ToyJob::hooks(), watch); }), "");
  ASSERT_EQ(result.output.values().size(), 32U);
  for (size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(result.output.values()[i], 0.5F * static_cast<float>(i));
  }
  EXPECT_EQ(watch.about.size(), 1U);
}

TEST(PredictJob, IsRunByTheEngineWithoutHooks) {
  const ToyJob toy;
  PredictRequest request = request_of(toy);
  EXPECT_THROW(predict(request, {}, {}), NeedsTorch);
  request.model.backend = NetworkBackend::kEngine;
  EXPECT_EQ(predict(request, {}, {}).output.images(), 2);
  request.model.backend = NetworkBackend::kAuto;
  EXPECT_EQ(predict(request, {}, {}).output.images(), 2);
  request.model.backend = NetworkBackend::kEngine;
  request.model.device = "cuda";
  expect_contains(complaint<InvalidArgument>([&] { predict(request, {}, {}); }),
                  "predict: --executor engine runs on the CPU");
}

TEST(PredictJob, WarnsOfMoreThreadsThanCores) {
  const ToyJob toy;
  PredictRequest request = request_of(toy);
  request.model.backend = NetworkBackend::kEngine;
  for (const int64_t threads : {0, 4096}) {
    const RecordingWatch watch;
    request.model.threads = threads;
    predict(request, {}, watch);
    EXPECT_EQ(watch.warnings.size(), threads == 0 ? 0U : 1U);
  }
}

TEST(PredictJob, RefusesInputsThatTheNetworkDoesNotHave) {
  const ToyJob toy;
  const auto refusal = [](const PredictRequest& request) {
    return complaint<InvalidArgument>([&] { predict(request, ToyJob::hooks(), {}); });
  };
  PredictRequest request = request_of(toy);
  request.input.shape = {2, 4, 2, 2};
  expect_contains(refusal(request), "--input must have the shape [N, 1, 4, 4]");
  request = request_of(toy);
  request.timesteps = array_of<int64_t>("<i8", {2}, {0, -1});
  expect_contains(refusal(request), "got -1 at index 1");
  request = request_of(toy);
  std::vector<float> x(16, 0.0F);
  x[6] = std::numeric_limits<float>::quiet_NaN();
  request.input = array_of("<f4", {1, 1, 4, 4}, x);
  expect_contains(refusal(request), "[0, 0, 1, 2] is ");
}

TEST(PredictJob, WritesNoNonFiniteOutput) {
  const ToyJob toy;
  TorchHooks hooks = ToyJob::hooks();
  hooks.open_network = [](const std::filesystem::path&, const BackendOptions&) {
    return network_of([](ConstBatchView, std::span<const Timestep>, BatchView output) {
      for (float& value : output.values()) value = std::numeric_limits<float>::infinity();
    });
  };
  EXPECT_THROW(predict(request_of(toy), hooks, {}), NotFinite);
}

}  // namespace
}  // namespace ddpm
