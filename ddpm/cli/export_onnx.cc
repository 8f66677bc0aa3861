// `ddpm export --format onnx`.

#include <filesystem>
#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/export_job.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/jobs/export.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/output.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

void check_files(const ExportFlags& flags) {
  const std::string data = flags.out + ".data";  // of large models in any case
  JobFiles files("export");
  add_checkpoint(files, flags.checkpoint);
  files.writes("--out", flags.out, Content::kOnnx);
  files.writes("--external-data", data, Content::kOnnxData);
  files.check();
  DDPM_CHECK(!flags.external_data || fs::exists(flags.out) || !fs::exists(data),
             "export: --external-data: ", data,
             ": expected a new name, as no model is beside it, got a file");
}

}  // namespace

int export_as_onnx(const ExportFlags& flags, const std::string& program) {
  check_files(flags);
  const TerminalWatch watch(
      [&flags](const std::string&) { std::cout << absolute_text(flags.out) << std::endl; });
  const OnnxExportResult result =
      export_onnx({.checkpoint = flags.checkpoint,
                   .out = flags.out,
                   .weights = {.ema = flags.weights == "ema", .variant = flags.variant},
                   .external_data = flags.external_data},
                  watch);
  for (const OnnxFile& file : result.files) {
    std::cout << file.name << ": " << readable_bytes(file.bytes)
              << (file.replaced ? ", replaced\n" : "\n");
  }
  std::cout << "checkpoint " << result.checkpoint.filename().string() << " (" << flags.weights
            << " weights, " << with_thousands(result.parameters) << " parameters)\n"
            << NextCommand(program, "info").word(flags.checkpoint).line() << std::endl;
  return 0;
}

}  // namespace ddpm
