#include "ddpm/cli/picture_flags.h"

#include <iostream>

#include "ddpm/base/text.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

void declare_picture_out(Flags& flags, PictureFlags& values, const std::string& what) {
  declare_model_flags(flags, values.model);
  flags.text("--out", values.out, "FILE.png", what);
}

void declare_picture_rest(Flags& flags, PictureFlags& values, const std::string& steps_help) {
  flags.integer("--seed", values.seed, "of the noise", 0);
  declare_sampler_flags(flags, values.sampler, steps_help);
  flags.integer("--batch-size", values.batch_size, "images made together; changes speed only", 1,
                100'000);
  flags.text("--single", values.single, "DIR", "each image of the picture as a file, too");
}

PictureRequest picture_request(const std::string& command, const PictureFlags& flags) {
  return {.model = model_request(flags.model),
          .sampler = sampler_request(command, flags.sampler),
          .max_bad_files = flags.max_bad_files,
          .seed = flags.seed,
          .batch_size = flags.batch_size};
}

JobFiles picture_files(const std::string& command, const PictureFlags& flags) {
  require_given(command, "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given(command, "--out", flags.out, "the PNG file to write");
  JobFiles files(command);
  add_checkpoint(files, flags.model.checkpoint);
  files.writes("--out", flags.out, Content::kPng);
  files.writes_into("--single", flags.single);
  if (!flags.single.empty()) check_cells(command, flags.single);
  return files;
}

void begin_picture(const std::string& command, const PictureFlags& flags, const JobFiles& files,
                   const std::string& about, std::optional<JobLock>& lock,
                   const std::string& table) {
  std::cout << files.shown("--out") << '\n';
  if (!table.empty()) std::cout << files.shown(table) << '\n';
  std::cout << about << std::endl;
  catch_stop_signals();
  if (!flags.single.empty()) lock.emplace(command, flags.single, TerminalWatch(), "--single");
}

void write_picture(const JobFiles& files, const PictureFlags& flags, const Picture& picture) {
  if (!flags.single.empty()) {
    const int64_t replaced = write_cells(flags.single, picture);
    if (replaced > 0) {
      std::cout << "replaced " << counted(replaced, "image") << " of an earlier picture in "
                << absolute_text(flags.single) << '\n';
    }
  }
  files.write("--out", encode_picture(layout_of(picture), picture.text));
}

}  // namespace ddpm
