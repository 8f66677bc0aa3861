// A checkpoint as a folder that diffusers opens by itself: DDPMPipeline.from_pretrained(folder).
//
//   model_index.json                   that it is a DDPMPipeline
//   unet/config.json                   UNet2DModel, every field
//   unet/diffusion_pytorch_model.*     the weights, one file or several with their index
//   scheduler/scheduler_config.json    DDPMScheduler, every field
//   README.md                          the model card
//   ddpm.json                          which weights, of which checkpoint
//
// docs/export.md has a page on it.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/export/weights.h"

namespace ddpm {

enum class DiffusersForm {
  kToday,       // the three descriptions as save_pretrained of diffusers 0.42.1 writes them
  kRelease024,  // of the first releases: legacy.h
};

struct DiffusersExport {
  DiffusersForm form = DiffusersForm::kToday;
  WeightsChoice weights = {};                    // which; of a single set it says nothing
  DType dtype = DType::kF32;                     // kF32, kF16 or kBF16
  int64_t max_shard_bytes = kDefaultShardBytes;  // of tensors in one file
  std::string license = {};                      // for the card; "" for none
  bool allow_log_variance = false;               // export what diffusers would sample wrongly from
  std::string command = {};                      // for the card: what a person typed
};

struct ExportedFile {
  std::string name;  // below the folder
  int64_t bytes = 0;
};

struct Exported {
  std::vector<ExportedFile> files;  // sorted by name
  std::string weights;              // "ema", "raw", or "" where the checkpoint does not say
  std::vector<std::string> notes;   // what diffusers cannot do with it, a line each
};

// Makes the folder `out`, which must not exist or be empty, appear whole or not at all. The
// descriptions have the checkpoint's own values, also where it was written by another program, with
// diffusers' defaults for what it leaves out. Reads the weights into memory once.
//   checkpoint  a folder, as resolve_checkpoint gives it
// Throws InvalidArgument for weights that the checkpoint has not, for a learned variance unless it
// is allowed, and for what the old form cannot say; NotFinite that names the tensor for a number
// that the dtype cannot hold; FormatError for a checkpoint that cannot be read; IoError. Nothing is
// then written.
Exported export_to_diffusers(const std::filesystem::path& checkpoint,
                             const std::filesystem::path& out, const DiffusersExport& request,
                             FileLayer& files = real_files());

}  // namespace ddpm
