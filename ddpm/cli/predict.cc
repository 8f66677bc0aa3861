// `ddpm predict`: the bare network, for whoever wants to check it against another program.

#include <filesystem>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/sampling_job.h"
#include "ddpm/formats/npy.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestInput = int64_t{1} << 33;
constexpr int64_t kImagesAtOnce = 16;

struct PredictFlags {
  ModelFlags model;
  std::string input;
  std::string timesteps;
  std::string output;
};

std::shared_ptr<PredictFlags> declare(Flags& flags) {
  auto values = std::make_shared<PredictFlags>();
  declare_model_flags(flags, values->model);
  flags.text("--input", values->input, "X.npy", "x_t, float32 [N, C, H, W]");
  flags.text("--timesteps", values->timesteps, "T.npy",
             "the network's own indices, int64 [N], each in [0, T - 1]");
  flags.text(
      "--output", values->output, "Y.npy",
      "the network's output, float32 [N, C, H, W], or [N, 2 C, H, W] with a learned variance");
  return values;
}

NpyArray read_npy(const std::string& flag, const std::string& path) {
  DDPM_CHECK(fs::exists(path), "predict: ", flag, ": ", path, " does not exist");
  return decode_npy(read_file(path, kLargestInput, Pipes::kTaken), "predict: " + path);
}

Batch input_batch(const NpyArray& array, const Model& model, const std::string& path) {
  const std::vector<float> values = npy_floats(array, "predict: " + path);
  const int64_t images = array.shape.empty() ? 0 : array.shape[0];
  const BatchShape shape = model.shape(images);
  const std::vector<int64_t> wanted = {images, shape.channels, shape.height, shape.width};
  DDPM_CHECK(array.shape == wanted && images > 0, "predict: --input must have the shape [N, ",
             shape.channels, ", ", shape.height, ", ", shape.width, "] with N at least 1, got ",
             shape_text(array.shape));
  Batch batch(shape);
  std::copy(values.begin(), values.end(), batch.values().begin());
  return batch;
}

std::vector<Timestep> input_timesteps(const NpyArray& array, const Model& model, int64_t images,
                                      const std::string& path) {
  const std::vector<int64_t> wanted = {images};
  DDPM_CHECK(array.shape == wanted, "predict: --timesteps must have the shape [", images,
             "], one an image, got ", shape_text(array.shape));
  std::vector<Timestep> timesteps;
  for (const int64_t index : npy_integers(array, "predict: " + path)) {
    DDPM_CHECK(index >= 0 && index < model.config.schedule.T,
               "predict: --timesteps must lie in [0, ", model.config.schedule.T - 1, "], got ",
               index);
    timesteps.push_back({index});
  }
  return timesteps;
}

int run_predict(const PredictFlags& flags, const Backend& backend) {
  require_given("predict", "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given("predict", "--input", flags.input, "float32 [N, C, H, W] as .npy");
  require_given("predict", "--timesteps", flags.timesteps, "int64 [N] as .npy");
  require_given("predict", "--output", flags.output, "the .npy file to write");
  JobFiles files("predict");
  files.reads("--checkpoint", flags.model.checkpoint);
  files.reads("--input", flags.input);
  files.reads("--timesteps", flags.timesteps);
  files.writes("--output", flags.output, Content::kNpy);
  files.check();
  const NpyArray x_array = read_npy("--input", flags.input);
  const NpyArray t_array = read_npy("--timesteps", flags.timesteps);
  const Model model = open_model("predict", flags.model, backend);
  const Batch x = input_batch(x_array, model, flags.input);
  const auto timesteps = input_timesteps(t_array, model, x.images(), flags.timesteps);

  std::cout << files.shown("--output") << '\n' << describe(model, flags.model) << std::endl;
  BatchShape answer = x.shape();
  answer.channels = model.config.unet.output_channels();
  Batch y(answer);
  in_slices(model.network, kImagesAtOnce)(x, timesteps, y);
  const auto bytes = std::as_bytes(std::span<const float>(y.values()));
  files.write("--output", encode_npy({"<f4",
                                      {answer.images, answer.channels, answer.height, answer.width},
                                      std::string(as_text(bytes))}));
  std::cout << counted(x.images(), "image") << '\n'
            << NextCommand(backend.program, "info").word(flags.model.checkpoint).line()
            << std::endl;
  return 0;
}

}  // namespace

Command predict_command() {
  return {.name = "predict",
          .summary = "the network's bare output for given arrays",
          .example =
              "ddpm predict --checkpoint runs/clothes --input x.npy --timesteps t.npy "
              "--output y.npy",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const Backend& backend) {
              return run_predict(*values, backend);
            };
          }};
}

}  // namespace ddpm
