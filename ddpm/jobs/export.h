// A checkpoint in the form that another program opens.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/diffusers/model_folder.h"
#include "ddpm/export/diffusers_folder.h"
#include "ddpm/jobs/watch.h"

namespace ddpm {

struct DiffusersExportRequest {
  // A run (its newest checkpoint), a checkpoint or a folder of diffusers.
  std::string checkpoint = {};
  std::filesystem::path out = {};  // the folder to make, new or empty
  DiffusersExport options = {};
};

struct DiffusersExportResult {
  Exported exported;
  std::filesystem::path checkpoint;  // which one it was
};

// Makes the folder whole or not at all. Throws InvalidArgument "export: --checkpoint: .." for one
// that is not there; what require_checkpoint and export_to_diffusers throw. It does not stop.
DiffusersExportResult export_diffusers(const DiffusersExportRequest& request, const Watch& watch);

struct OnnxExportRequest {
  std::string checkpoint = {};     // as above
  std::filesystem::path out = {};  // the .onnx file; large weights go into `out` + ".data"
  WeightsChoice weights = {};
  bool external_data = false;  // the weights beside the file in any case
};

struct OnnxFile {
  std::string name;
  int64_t bytes = 0;
  bool replaced = false;  // it was there before
};

struct OnnxExportResult {
  std::vector<OnnxFile> files;
  std::filesystem::path checkpoint;  // which one it was
  int64_t parameters = 0;
};

// Writes the file and the folders that it lies in. Throws InvalidArgument "export: --checkpoint:
// .." for one that is not there; what require_checkpoint, read_weights and write_onnx throw. It
// does not stop.
OnnxExportResult export_onnx(const OnnxExportRequest& request, const Watch& watch);

}  // namespace ddpm
