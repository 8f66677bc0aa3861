#include "ddpm/cli/evaluation_job.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/text.h"
#include "ddpm/base/version.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/jobs/threads.h"
#include "ddpm/kernels/cpu_path.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/progress.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

constexpr const char* kTestSuffix = ":test";

// --data with --split: a name that ends in ":test" is the test part of what is before.
std::string data_name(const std::string& command, const EvaluationFlags& flags) {
  const bool is_test = flags.data.ends_with(kTestSuffix);
  DDPM_CHECK(!is_test || flags.split != "train", command, ": --split train and --data ", flags.data,
             " exclude each other");
  return flags.split == "test" && !is_test ? flags.data + kTestSuffix : flags.data;
}

int64_t threads_of(const EvaluationFlags& flags) {
  return libtorch_threads(flags.model.threads, usable_cores());
}

// Every image, before any work: a single one of 16 bits would end a job midway.
void check_bytes(const std::string& command, const EvaluationImages& images) {
  const auto deep = images.dataset.first_beyond_bytes(images.first, images.count);
  DDPM_CHECK(!deep, command,
             ": --data: expected images of 8 bits, whose likelihood in bits is "
             "defined, got more bits in image ",
             *deep, " of ", images.name,
             "; convert it to 8 bits, or leave it out by --first-image and --images");
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

ReadImage EvaluationImages::reader() const {
  return [images = dataset](int64_t index, std::span<float> out) {
    images.read(index, /*flip=*/false, out);
  };
}

std::string EvaluationImages::text() const {
  return concat(count == 1 ? "image " : "images ", first,
                count == 1 ? "" : concat(" .. ", first + count - 1), " of ", name);
}

EvaluationImages open_images(const std::string& command, const EvaluationFlags& flags,
                             const Model& model) {
  const std::string name = data_name(command, flags);
  const Dataset dataset = open_dataset_watched(
      data_options(command, name, flags.fit, flags.max_bad_files, model.config.unet));
  DDPM_CHECK(flags.first_image < dataset.size(), command, ": --first-image: wanted one in [0, ",
             dataset.size(), "), got ", flags.first_image);
  const int64_t room = dataset.size() - flags.first_image;
  const int64_t asked = flags.images_given ? flags.images : std::min(flags.images, room);
  DDPM_CHECK(asked <= room, command, ": --images: expected images in [0, ", dataset.size(),
             "), got ", flags.first_image, " .. ", flags.first_image + flags.images - 1);
  EvaluationImages images{.dataset = dataset,
                          .name = name,
                          .first = flags.first_image,
                          .count = asked > 0 ? asked : room};
  check_bytes(command, images);
  return images;
}

int64_t rows_of(const std::string& command, const EvaluationImages& images, int64_t per_image) {
  constexpr int64_t kMaxRows = 1'000'000'000'000;
  int64_t end = 0;
  const bool fits = !__builtin_mul_overflow(images.first + images.count, per_image, &end) &&
                    images.count * per_image <= kMaxRows;
  DDPM_CHECK(fits, command, ": expected at most ", with_thousands(kMaxRows), " rows, got ",
             with_thousands(images.count), " images times ", with_thousands(per_image),
             "; evaluate fewer images, draws or probes");
  return images.count * per_image;
}

Json job_of(const EvaluationFlags& flags, const Model& model, const EvaluationImages& images) {
  const bool by_torch = model.executor == "libtorch";
  Json job = {{"program", concat("ddpm ", kVersion)},
              {"checkpoint", model.hash},
              {"weights", flags.model.weights},
              {"precision", precision_used(model.executor, flags.model)},
              {"executor", model.executor},
              {"device", model.device},
              {"libtorch", by_torch ? Json(model.libtorch) : Json()},
              {"cpu", model.device == "cpu" ? Json(name_of(choose_cpu_path())) : Json()},
              {"threads", by_torch ? Json(threads_of(flags)) : Json()},
              {"data", images.dataset.fingerprint()},
              {"first_image", images.first},
              {"images", images.count},
              {"seed", flags.seed},
              {"batch_size", flags.batch_size},
              {"class", flags.model.label ? Json(*flags.model.label) : Json()}};
  return job;
}

std::string protocol_text(const EvaluationFlags& flags, const Model& model,
                          const EvaluationImages& images) {
  return concat(flags.model.weights, " weights of checkpoint ", model.hash, " in ",
                precision_used(model.executor, flags.model),
                flags.model.label ? concat(", class ", *flags.model.label) : "", ", ",
                images.text(), ", seed ", flags.seed);
}

LockedRows open_rows(const std::string& command, const EvaluationFlags& flags,
                     const std::string& name, const std::vector<std::string>& reports,
                     const std::function<ResultFile(const std::filesystem::path& path)>& open) {
  const std::filesystem::path folder = flags.out;
  const std::filesystem::path rows = folder / name;
  open(rows);  // throws for those of another job
  for (const std::string& report : reports) {
    DDPM_CHECK(std::filesystem::exists(rows) || !std::filesystem::exists(folder / report), command,
               ": --out: ", (folder / report).string(), ": expected ", name, " of this job beside ",
               "it, got none, so it is not this job's; choose another --out");
  }
  return {JobLock(command, folder), open(rows)};
}

bool complete_watched(ResultFile& file, int64_t width, const EvaluationFlags& flags,
                      const std::string& unit, const std::string& next,
                      const ComputeRows& compute) {
  const std::string last_lines = concat("stopped; what is done is kept\n", next);
  catch_stop_signals(SlowStop::kEnd, last_lines);
  Progress progress("evaluating", unit, file.total(), file.done());
  try {
    complete(
        file, width, flags.batch_size, compute,
        [&progress](int64_t done) {
          give_up_if_stopped();
          progress.update(static_cast<double>(done));
        },
        flags.save_every);
  } catch (const Stopped&) {
    std::cout << last_lines << std::endl;
    return false;
  }
  return true;
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
