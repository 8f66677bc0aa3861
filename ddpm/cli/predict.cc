// `ddpm predict`: the bare network, for whoever wants to check it against another program.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/sampling_job.h"
#include "ddpm/formats/npy.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestInput = int64_t{1} << 33;

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
             "the network's own indices, int64 [N], each at least 0");
  flags.text(
      "--output", values->output, "Y.npy",
      "the network's output, float32 [N, C, H, W], or [N, 2 C, H, W] with a learned variance");
  return values;
}

NpyArray read_array(const std::string& flag, const std::string& path) {
  DDPM_CHECK(fs::exists(path), "predict: ", flag, ": ", path, " does not exist");
  return read_npy(path, "predict: " + path, kLargestInput);
}

// "[1, 0, 27, 3]": where the first value that is not finite is; nothing if all are finite.
std::optional<std::string> first_not_finite(ConstBatchView batch) {
  const std::span<const float> values = batch.values();
  const auto found = std::ranges::find_if(values, [](float x) { return !std::isfinite(x); });
  if (found == values.end()) return std::nullopt;
  const BatchShape& shape = batch.shape();
  int64_t at = found - values.begin();
  std::vector<int64_t> index(4);
  const int64_t extents[] = {shape.images, shape.channels, shape.height, shape.width};
  for (size_t i = 4; i-- > 0;) {
    index[i] = at % extents[i];
    at /= extents[i];
  }
  return concat(shape_text(index), " is ", *found);
}

Batch input_batch(const NpyArray& array, const UNetConfig& unet, const std::string& path) {
  const std::vector<float> values = npy_floats(array, "predict: " + path);
  const int64_t images = array.shape.empty() ? 0 : array.shape[0];
  const BatchShape shape{images, unet.image_channels, unet.height, unet.width};
  const std::vector<int64_t> wanted = {images, shape.channels, shape.height, shape.width};
  DDPM_CHECK(array.shape == wanted && images > 0, "predict: --input must have the shape [N, ",
             shape.channels, ", ", shape.height, ", ", shape.width, "] with N at least 1, got ",
             shape_text(array.shape));
  Batch batch(shape);
  std::copy(values.begin(), values.end(), batch.values().begin());
  const auto bad = first_not_finite(batch);
  DDPM_CHECK(!bad, "predict: --input: expected finite values, but ", *bad);
  return batch;
}

// The timesteps that the network itself has: those of its table, or any that a process can have.
std::vector<Timestep> input_timesteps(const NpyArray& array, const UNetConfig& unet, int64_t images,
                                      const std::string& path) {
  const int64_t count = unet.learned_times > 0 ? unet.learned_times : Schedule::kMaxSteps;
  const std::vector<int64_t> wanted = {images};
  DDPM_CHECK(array.shape == wanted, "predict: --timesteps must have the shape [", images,
             "], one an image, got ", shape_text(array.shape));
  std::vector<Timestep> timesteps;
  for (const int64_t index : npy_integers(array, "predict: " + path)) {
    DDPM_CHECK(index >= 0 && index<count, "predict: --timesteps must lie in [0, ", count - 1, "], ",
                                   unet.learned_times> 0
                   ? "which the network has learned"
                   : "the network's own",
               ", got ", index, " at index ", timesteps.size());
    timesteps.push_back({index});
  }
  return timesteps;
}

int run_predict(const PredictFlags& flags, const TorchHooks& hooks) {
  require_given("predict", "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given("predict", "--input", flags.input, "float32 [N, C, H, W] as .npy");
  require_given("predict", "--timesteps", flags.timesteps, "int64 [N] as .npy");
  require_given("predict", "--output", flags.output, "the .npy file to write");
  JobFiles files("predict");
  add_checkpoint(files, flags.model.checkpoint);
  files.reads("--input", flags.input);
  files.reads("--timesteps", flags.timesteps);
  files.writes("--output", flags.output, Content::kNpy);
  files.check();
  const NpyArray x_array = read_array("--input", flags.input);
  const NpyArray t_array = read_array("--timesteps", flags.timesteps);
  const BareNetwork model = open_bare_network("predict", flags.model, hooks);
  const Batch x = input_batch(x_array, model.unet, flags.input);
  const auto timesteps = input_timesteps(t_array, model.unet, x.images(), flags.timesteps);

  std::cout << files.shown("--output") << '\n' << describe(model, flags.model) << std::endl;
  BatchShape answer = x.shape();
  answer.channels = model.unet.output_channels();
  Batch y(answer);
  in_slices(model.network, model.network->max_useful_batch())->predict({x, timesteps}, y);
  if (const auto bad = first_not_finite(y)) {
    throw NotFinite(concat("predict: expected finite outputs of the network, but ", *bad,
                           "; nothing was written"));
  }
  const auto bytes = std::as_bytes(std::span<const float>(y.values()));
  files.write("--output", encode_npy({"<f4",
                                      {answer.images, answer.channels, answer.height, answer.width},
                                      std::string(as_text(bytes))}));
  std::cout << counted(x.images(), "image") << '\n'
            << NextCommand(hooks.program, "info").word(flags.model.checkpoint).line() << std::endl;
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
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_predict(*values, hooks);
            };
          }};
}

}  // namespace ddpm
