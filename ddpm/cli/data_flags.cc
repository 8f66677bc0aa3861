#include "ddpm/cli/data_flags.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <tuple>

#include "ddpm/base/check.h"
#include "ddpm/base/run_layout.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/config/field_codec.h"
#include "ddpm/config/train_config.h"
#include "ddpm/data/transform.h"

namespace ddpm {

void declare_data_flags(Flags& flags, DataFlags& values) {
  flags.text("--data", values.spec, "SPEC", kDataForms);
  flags.text("--image-size", values.image_size, "HxW", "pixels; auto: as the data has it");
  flags.choice("--channels", values.channels, {"auto", "1", "3", "4"},
               "gray, RGB or RGBA; auto: RGBA if the mean opacity of all pixels is below 99 %, "
               "otherwise gray if red, green and blue are equal everywhere, else RGB");
  flags.choice("--fit", values.fit, names_of(kFits), "how images of another size are made to fit");
  declare_max_bad_files(flags, values.max_bad_files);
}

void declare_max_bad_files(Flags& flags, double& value) {
  flags.number("--max-bad-files", value, "the fraction of image files that may be unreadable", 0.0,
               1.0);
}

namespace {

// The file or folder that --data names, or what is none.
std::string place_of_data(const std::string& spec) {
  constexpr std::string_view kPart = ":test";  // of a folder, unless that is its name
  std::error_code error;
  const bool part = !std::filesystem::exists(spec, error) && spec.ends_with(kPart);
  return part ? spec.substr(0, spec.size() - kPart.size()) : spec;
}

}  // namespace

void add_data(JobFiles& files, const std::string& flag, const std::string& spec) {
  files.reads_data(flag, place_of_data(spec));
}

void add_checkpoint(JobFiles& files, const std::string& checkpoint) {
  files.reads("--checkpoint", checkpoint);
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path at = checkpoint.empty() ? fs::path() : fs::weakly_canonical(checkpoint, error);
  constexpr int kWayUp = 3;  // RUN/checkpoints/N
  for (int i = 0; i < kWayUp && !at.empty(); ++i, at = at.parent_path()) {
    if (!is_run_folder(at)) continue;
    try {
      files.keeps_out_of(concat("the data of ", checkpoint),
                         place_of_data(read_run_config(at).data));
    } catch (const Error&) {  // whoever opens the run reports it
    }
    return;
  }
}

DataOptions data_options(const std::string& command, const DataFlags& flags) {
  // the same words as in a run's configuration, so they are read by the same code
  DataOptions options;
  try {
    std::tie(options.height, options.width) = image_extents().parse("image_size", flags.image_size);
    options.channels = static_cast<int>(channel_count().parse("channels", flags.channels));
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(command, ": --", error.what()));
  }
  options.spec = flags.spec;
  options.fit = fit_from(flags.fit);
  options.max_bad_share = flags.max_bad_files;
  return options;
}

DataOptions data_options(const TrainConfig& config) {
  DataOptions options;
  options.spec = config.data;
  options.height = config.height;
  options.width = config.width;
  options.channels = static_cast<int>(config.channels);
  options.fit = config.fit;
  options.max_bad_share = config.max_bad_files;
  options.threads = config.threads;
  options.memory_limit_bytes = config.data_cache_bytes;
  return options;
}

Dataset open_dataset_watched(const DataOptions& options) {
  return open_dataset(options, TerminalWatch());
}

}  // namespace ddpm
