// `ddpm predict`: the bare network, for whoever wants to check it against another program.

#include "ddpm/jobs/predict.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <span>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/model_flags.h"
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

std::string npy_of(ConstBatchView batch) {
  const BatchShape& shape = batch.shape();
  return encode_npy({"<f4",
                     {shape.images, shape.channels, shape.height, shape.width},
                     std::string(as_text(std::as_bytes(batch.values())))});
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
  PredictRequest request{.model = model_request(flags.model),
                         .input = read_array("--input", flags.input),
                         .timesteps = read_array("--timesteps", flags.timesteps),
                         .input_name = flags.input,
                         .timesteps_name = flags.timesteps};
  const TerminalWatch watch([&files](const std::string& about) {
    std::cout << files.shown("--output") << '\n' << about << std::endl;
  });
  const PredictResult result = predict(request, hooks, watch);
  files.write("--output", npy_of(result.output));
  std::cout << counted(result.output.images(), "image") << '\n'
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
