// The flags that select images.

#pragma once

#include <string>

#include "ddpm/config/train_config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/source.h"
#include "ddpm/jobs/data.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/terminal/job_files.h"

namespace ddpm {

inline constexpr const char* kDataForms =
    "fashion-mnist, a folder of images, a .zip or .tar.gz of them, an IDX file, or a folder of "
    "MNIST or CIFAR-10";

struct DataFlags {
  std::string spec;
  std::string image_size = "auto";
  std::string channels = "auto";
  std::string fit = "none";
  double max_bad_files = kMaxBadFiles;
};

void declare_data_flags(Flags& flags, DataFlags& values);

// Adds what --data names to the inputs of a command.
void add_data(JobFiles& files, const std::string& flag, const std::string& spec);

// Adds --checkpoint to the inputs, and the data that its run learns from: what lies among them
// becomes a part of them when the run goes on.
void add_checkpoint(JobFiles& files, const std::string& checkpoint);

// --max-bad-files alone, for a command whose images have the size and channels of a network.
void declare_max_bad_files(Flags& flags, double& value);

// Throws InvalidArgument that starts with `command`.
DataOptions data_options(const std::string& command, const DataFlags& flags);

// Of the data that a run's configuration names.
DataOptions data_options(const TrainConfig& config);

// open_dataset with its progress on the terminal. A signal ends it by Stopped.
Dataset open_dataset_watched(const DataOptions& options);

}  // namespace ddpm
