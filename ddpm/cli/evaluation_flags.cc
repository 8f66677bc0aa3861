#include "ddpm/cli/evaluation_flags.h"

#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

std::string lines_of_stop(const std::string& next) {
  return concat("stopped; what is done is kept\n", next);
}

}  // namespace

void declare_evaluation_flags(Flags& flags, EvaluationFlags& values) {
  declare_model_flags(flags, values.model);
  flags.text("--data", values.data, "SPEC", kDataForms);
  flags.choice("--split", values.split, {"auto", "train", "test"},
               "the part of fashion-mnist or CIFAR-10; test is SPEC:test, auto is as SPEC says");
  flags.choice("--fit", values.fit, names_of(kFits),
               "how images of another size than the network's are made to fit");
  declare_max_bad_files(flags, values.max_bad_files);
  flags.integer("--images", values.images, values.images_given,
                "how many images; 0: all. The default is less where there are fewer", 0);
  flags.integer("--first-image", values.first_image, "the number of the first image", 0);
  flags.integer("--seed", values.seed, "of the noise; that of an image depends on nothing else", 0);
  flags.integer("--batch-size", values.batch_size, "calls of the network that are made together", 1,
                100'000);
  flags.number("--save-every", values.save_every,
               "seconds; what a crash may cost. At 0 behind each batch", 0.0, 1e6);
  flags.text("--out", values.out, "FOLDER",
             "for results; a job that was interrupted goes on in its folder");
}

void check_evaluation_flags(const std::string& command, const EvaluationFlags& flags) {
  require_given(command, "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given(command, "--data", flags.data, kDataForms);
  require_given(command, "--out", flags.out, "the folder for the results");
  JobFiles files(command);
  add_checkpoint(files, flags.model.checkpoint);
  add_data(files, "--data", flags.data);
  files.writes_into("--out", flags.out);
  files.check();
}

EvaluationRequest evaluation_request(const EvaluationFlags& flags) {
  EvaluationRequest request{.model = model_request(flags.model),
                            .data = flags.data,
                            .split = value_named(kSplits, "--split", flags.split),
                            .fit = fit_from(flags.fit),
                            .max_bad_files = flags.max_bad_files,
                            .first_image = flags.first_image,
                            .seed = flags.seed,
                            .batch_size = flags.batch_size,
                            .save_every = flags.save_every,
                            .out = flags.out};
  if (flags.images_given) request.images = flags.images;
  return request;
}

void begin_evaluation(const EvaluationFlags& flags, const std::string& about,
                      const std::string& next) {
  std::cout << absolute_text(flags.out) << '\n' << about << std::endl;
  catch_stop_signals(SlowStop::kEnd, lines_of_stop(next));
}

int stopped_evaluation(TerminalWatch& watch, const std::string& next) {
  if (watch.is_complete(JobPhase::kEvaluating)) throw Stopped();
  watch.end();
  std::cout << lines_of_stop(next) << std::endl;
  return exit_code_of_stop();
}

NextCommand next_evaluation(const std::string& program, const std::string& kind,
                            const EvaluationFlags& flags) {
  const EvaluationFlags defaults;
  NextCommand next(program, "evaluate " + kind);
  add_model_flags(next, flags.model);
  next.flag("--data", flags.data)
      .flag_unless(defaults.split, "--split", flags.split)
      .flag_unless(defaults.fit, "--fit", flags.fit)
      .flag_unless(defaults.max_bad_files, "--max-bad-files", flags.max_bad_files)
      .flag_unless(defaults.images, "--images", flags.images)
      .flag_unless(defaults.first_image, "--first-image", flags.first_image)
      .flag_unless(defaults.seed, "--seed", flags.seed)
      .flag_unless(defaults.batch_size, "--batch-size", flags.batch_size)
      .flag_unless(defaults.save_every, "--save-every", flags.save_every)
      .flag("--out", flags.out);
  return next;
}

}  // namespace ddpm
