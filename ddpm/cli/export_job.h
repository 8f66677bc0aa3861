// `ddpm export`: what its forms have between them.

#pragma once

#include <string>

namespace ddpm {

struct ExportFlags {
  std::string checkpoint;
  std::string out;
  std::string format = "diffusers";
  std::string weights = "ema";
  std::string variant;
  // of diffusers' folders
  std::string dtype = "fp32";
  std::string max_shard_size = "10GB";
  std::string license;
  bool allow_log_variance = false;
  // of ONNX
  bool external_data = false;
};

// Each writes --out, says what it wrote and returns the exit code; `program` is for the command
// that is suggested.
int export_as_diffusers(const ExportFlags& flags, const std::string& program);
int export_as_onnx(const ExportFlags& flags, const std::string& program);

}  // namespace ddpm
