// `ddpm sample`: images from noise, one file each.

#include "ddpm/jobs/sample.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/sample_flags.h"
#include "ddpm/jobs/image_files.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

JobFiles checked_files(const SampleFlags& flags, const SampleRequest& request) {
  require_given("sample", "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given("sample", "--out", flags.out, "the folder for the images");
  check(request);
  JobFiles files("sample");
  add_checkpoint(files, flags.model.checkpoint);
  files.writes_into("--out", flags.out);
  files.writes("--npz", flags.npz, Content::kNpz);
  files.check();
  return files;
}

// The command that goes on behind the last image.
std::string next_command(const SampleFlags& flags, const std::string& program, Rng rng) {
  const int64_t next = flags.first_index + flags.count;
  // more images of one generator would be another job
  const bool is_last = draws_all_images_together(rng) || next > kMaxImageNumber;
  return is_last ? NextCommand(program, "info").word(flags.model.checkpoint).line()
                 : next_sample_command(flags, program, next);
}

int run_sample(const SampleFlags& flags, const TorchHooks& hooks) {
  SampleRequest request = sample_request(flags);
  const JobFiles files = checked_files(flags, request);
  std::unique_ptr<FileWriter> npz;
  if (!flags.npz.empty()) {
    request.open_npz = [&files, &npz]() -> ByteSink {
      npz = files.writer("--npz");
      return [&npz](std::span<const std::byte> piece) { npz->append(piece); };
    };
  }
  const std::string last_lines =
      concat("stopped; what is complete is kept\n",
             next_sample_command(flags, hooks.program, flags.first_index));
  TerminalWatch watch([&files, &last_lines](const std::string& about) {
    std::cout << files.shown("--out") << '\n' << about << std::endl;
    catch_stop_signals(SlowStop::kEnd, last_lines);
  });
  try {
    sample(request, hooks, watch);
  } catch (const Stopped&) {
    if (npz) throw;
    watch.end();
    std::cout << last_lines << std::endl;
    return exit_code_of_stop();
  }
  if (npz) npz->commit();
  std::cout << next_command(flags, hooks.program, request.rng) << std::endl;
  return 0;
}

}  // namespace

Command sample_command() {
  return {.name = "sample",
          .summary = "make images from a checkpoint",
          .example =
              "ddpm sample --checkpoint runs/clothes --out samples --count 64 --sampler ddim "
              "--steps 50",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            auto values = std::make_shared<SampleFlags>();
            declare_sample_flags(flags, *values);
            return [values](const TorchHooks& hooks) { return run_sample(*values, hooks); };
          }};
}

}  // namespace ddpm
