// `ddpm export --format diffusers` and `diffusers-legacy`.

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/export_job.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/export/shards.h"
#include "ddpm/jobs/export.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr std::array<Named<DiffusersForm>, 2> kForms = {
    {{DiffusersForm::kToday, "diffusers"}, {DiffusersForm::kRelease024, "diffusers-legacy"}}};
constexpr const char* kLicenseCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-";

// A path as the card may show it: where an absolute one leads is nobody else's business.
std::string shown(const std::string& path) {
  const fs::path clean = fs::path(path).lexically_normal();
  return clean.is_absolute() ? clean.filename().string() : path;
}

std::string command_of(const ExportFlags& flags) {
  const ExportFlags defaults;
  NextCommand command("ddpm", "export");
  command.flag("--checkpoint", shown(flags.checkpoint))
      .flag("--out", shown(flags.out))
      .flag_unless(defaults.format, "--format", flags.format)
      .flag_unless(defaults.weights, "--weights", flags.weights)
      .flag_unless(defaults.variant, "--variant", flags.variant)
      .flag_unless(defaults.dtype, "--dtype", flags.dtype)
      .flag_unless(defaults.max_shard_size, "--max-shard-size", flags.max_shard_size)
      .flag_unless(defaults.license, "--license", flags.license);
  if (flags.allow_log_variance) command.word("--allow-log-variance");
  const std::string line = command.line();
  return line.substr(line.find(' ') + 1);  // without "next:"
}

DiffusersExport options_of(const ExportFlags& flags) {
  DDPM_CHECK(flags.license.find_first_not_of(kLicenseCharacters) == std::string::npos,
             "export: --license: wanted small letters, digits, '-' and '.', got '", flags.license,
             "'");
  return {.form = value_named(kForms, "export: --format", flags.format),
          .weights = {.ema = flags.weights == "ema", .variant = flags.variant},
          .dtype = weights_dtype_from(flags.dtype, "export: --dtype"),
          .max_shard_bytes = parse_byte_count(flags.max_shard_size, "export: --max-shard-size"),
          .license = flags.license,
          .allow_log_variance = flags.allow_log_variance,
          .command = command_of(flags)};
}

void print_exported(const DiffusersExportResult& result, const ExportFlags& flags) {
  const Exported& exported = result.exported;
  size_t width = 0;
  for (const ExportedFile& file : exported.files) width = std::max(width, file.name.size());
  for (const ExportedFile& file : exported.files) {
    std::cout << file.name << std::string(width + 2 - file.name.size(), ' ')
              << readable_bytes(file.bytes) << '\n';
  }
  std::cout << "checkpoint " << result.checkpoint.filename().string() << ", "
            << (exported.weights.empty() ? "its one set of" : exported.weights) << " weights, "
            << flags.dtype << '\n';
  for (const std::string& note : exported.notes) std::cout << "note: " << note << '\n';
}

}  // namespace

int export_as_diffusers(const ExportFlags& flags, const std::string& program) {
  DiffusersExportRequest request{.checkpoint = flags.checkpoint, .options = options_of(flags)};
  DDPM_CHECK(fs::exists(flags.checkpoint), "export: --checkpoint: ", flags.checkpoint,
             " does not exist");
  JobFiles files("export");
  add_checkpoint(files, flags.checkpoint);
  files.makes_folder("--out", flags.out);
  files.check();
  request.out = files.shown("--out");
  const TerminalWatch watch(
      [&request](const std::string&) { std::cout << request.out.string() << std::endl; });
  print_exported(export_diffusers(request, watch), flags);
  NextCommand next(program, "sample");
  std::cout << next.flag("--checkpoint", flags.out).flag("--out", "samples").line() << std::endl;
  return 0;
}

}  // namespace ddpm
