// The jobs on whole checkpoints and schedules: convert, export, info, schedule.

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/jobs/convert.h"
#include "ddpm/jobs/export.h"
#include "ddpm/jobs/info.h"
#include "ddpm/jobs/schedules.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_job.h"
#include "ddpm/testing/toy_networks.h"

namespace ddpm {
namespace {

TEST(ConvertJob, MakesACheckpointThatInfoReads) {
  const ToyJob toy;
  const ToyNetwork network = toy_openai();
  ConvertRequest request{
      .system = SourceSystem::kImprovedDiffusion,
      .weights = toy.folder.write("weights.safetensors",
                                  toy_file(network.shapes, toy_tensors(network.shapes))),
      .settings = {.image_size = 16},
      .out = toy.folder / "deep/checkpoint"};
  const RecordingWatch watch;
  EXPECT_EQ(printed_by([&] { convert(request, watch); }), "");
  EXPECT_EQ(watch.about.size(), 1U);
  const CheckpointInfo info = inspect({.path = request.out.string()});
  EXPECT_EQ(info.model.unet.height, 16);
  EXPECT_EQ(inspect_weights(info).dtypes, (std::vector<DType>{DType::kF32}));
  EXPECT_FALSE(inspect_training(info));
  request.settings = {};
  request.settings.head_channels = 3;
  request.out = toy.folder / "another/checkpoint";
  EXPECT_THROW(convert(request, {}), InvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(toy.folder / "another"));
}

TEST(InfoJob, FindsTheNewestCheckpointOfARun) {
  const ToyJob toy;
  CheckpointInfo info;
  EXPECT_EQ(printed_by([&] { info = inspect({.path = toy.run.path.string()}); }), "");
  EXPECT_EQ(info.checkpoint.filename(), "00000010");
  EXPECT_EQ(info.model.schedule.T, kToySteps);
  EXPECT_EQ(info.hash.size(), 64U);
  EXPECT_EQ(inspect_training(info)->step, 10);
  EXPECT_EQ(inspect_weights(info).files.size(), 1U);
  expect_contains(complaint<InvalidArgument>([] { inspect({.path = "/nowhere"}); }),
                  "info: /nowhere does not exist");
}

TEST(ExportJobs, WriteAFolderAndAFile) {
  const ToyJob toy;
  const RecordingWatch watch;
  EXPECT_EQ(printed_by([&] {
              const DiffusersExportResult result =
                  export_diffusers({.checkpoint = toy.run.path.string(), .out = toy.out()}, watch);
              EXPECT_EQ(result.exported.weights, "ema");
              EXPECT_EQ(files_below(toy.out()).size(), result.exported.files.size());
            }),
            "");
  EXPECT_EQ(watch.about.size(), 1U);
  const OnnxExportRequest request{.checkpoint = toy.run.path.string(),
                                  .out = toy.folder / "deep/toy.onnx",
                                  .external_data = true};
  for (const bool again : {false, true}) {
    const OnnxExportResult result = export_onnx(request, {});
    ASSERT_EQ(result.files.size(), 2U);
    for (const OnnxFile& file : result.files) {
      EXPECT_EQ(file.bytes,
                static_cast<int64_t>(std::filesystem::file_size(toy.folder / "deep" / file.name)));
      EXPECT_EQ(file.replaced, again);
    }
  }
  expect_contains(complaint<InvalidArgument>([&] {
                    export_diffusers({.checkpoint = "/nowhere", .out = toy.folder / "x"}, {});
                  }),
                  "export: --checkpoint: /nowhere does not exist");
}

TEST(SchedulesJob, PutsThatOfACheckpointLast) {
  const ToyJob toy;
  const std::vector<NamedSchedule> all =
      schedules({.schedules = {{.kind = ScheduleKind::kCosine, .T = 7}, {.T = 9}},
                 .checkpoint = toy.run.path.string()});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name, "cosine");
  EXPECT_EQ(all[1].schedule.steps(), 9);
  EXPECT_EQ(all[2].name, "00000010");
  EXPECT_EQ(all[2].schedule.steps(), kToySteps);
  for (const ScheduleQuantity& quantity : schedule_quantities()) {
    EXPECT_GE(plot_of(all).height, 360);
    EXPECT_TRUE(std::isfinite(quantity.at(all[0].schedule, 3))) << quantity.column;
  }
  EXPECT_EQ(schedule_text({.T = 9}), "linear, T = 9, beta from 1e-04 to 0.02");
}

}  // namespace
}  // namespace ddpm
