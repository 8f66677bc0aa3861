#include "program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/png.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kLargestOutput = 10'000'000;
constexpr const char* kOut = ".stdout";
constexpr auto kPatience = std::chrono::seconds(120);

// Runs that were trained by this process, by what was asked for, for the tests that only need one.
class TrainedRuns {
 public:
  // False if there is none. The place of the data in config.json is adapted.
  bool copy_to(const fs::path& run, const fs::path& test, const std::vector<std::string>& more) {
    const auto found = runs_.find(more);
    if (found == runs_.end()) return false;
    fs::copy(found->second.run, run, fs::copy_options::recursive);
    std::string config = read_file(run / "config.json", kLargestOutput);
    const size_t at = config.find(found->second.test.string());
    if (at == std::string::npos) return false;
    write_file_whole(run / "config.json",
                     config.replace(at, found->second.test.string().size(), test.string()));
    return true;
  }
  void keep(const fs::path& run, const fs::path& test, const std::vector<std::string>& more) {
    const fs::path copy = folder_ / std::to_string(runs_.size());
    fs::copy(run, copy, fs::copy_options::recursive);
    runs_[more] = {.run = copy, .test = test};
  }

 private:
  struct Kept {
    fs::path run;
    fs::path test;  // the folder of the test, in which its data were
  };
  const TemporaryFolder folder_{TemporaryFolder::Place::kDisk};
  std::map<std::vector<std::string>, Kept> runs_;
};

TrainedRuns& trained_runs() {
  static TrainedRuns runs;
  return runs;
}

// Whether a run depends on the files of its test's folder.
bool names_files(const std::vector<std::string>& flags) {
  return std::any_of(flags.begin(), flags.end(), [](const std::string& word) {
    return word == "--data" || word == "--init-from" || word == "--network" || word == "--config";
  });
}

// A child process whose output goes into two files of `folder`.
class Child {
 public:
  Child(const fs::path& folder, std::vector<std::string> words)
      : out_(folder / kOut), err_(folder / ".stderr") {
    pid_ = ::fork();
    if (pid_ == 0) exec(folder, words);
  }

  void send(int signal) const { ::kill(pid_, signal); }

  bool ended() {
    if (!ended_) ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    return ended_;
  }

  Outcome wait() {
    if (!ended_) ::waitpid(pid_, &status_, 0);
    ended_ = true;
    const int code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
    return {code, read_file(out_, kLargestOutput), read_file(err_, kLargestOutput)};
  }

 private:
  [[noreturn]] void exec(const fs::path& folder, std::vector<std::string>& words) const {
    // standard output is last: a test that waits for its file may end this process at once
    const int err = ::open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int out = ::open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    // whatever the tests were started to ignore
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_DFL);
    if (::chdir(folder.c_str()) != 0) ::_exit(127);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }

  fs::path out_;
  fs::path err_;
  pid_t pid_;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace

std::vector<std::string> ddpm_with(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {std::string(DDPM_BUILD_DIR) + "/ddpm"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  // threads of a tiny network mostly wait for each other, above all beside other tests
  const auto named = [&arguments](const char* word) {
    return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
  };
  if (named("train") && !named("--resume") && !named("--threads") && !named("--config")) {
    words.insert(words.end(), {"--threads", "1"});
  }
  return words;
}

Outcome run_ddpm(const fs::path& folder, const std::vector<std::string>& arguments) {
  return Child(folder, ddpm_with(arguments)).wait();
}

Outcome run_shell(const fs::path& folder, const std::string& line) {
  return Child(folder, {"/bin/sh", "-c", line}).wait();
}

Outcome run_until(const fs::path& folder, const std::vector<std::string>& words,
                  const std::function<bool()>& moment, int signal) {
  Child child(folder, words);
  const auto began = std::chrono::steady_clock::now();
  while (!child.ended() && !moment()) {
    if (std::chrono::steady_clock::now() - began > kPatience) {
      child.send(SIGKILL);
      ADD_FAILURE() << "the moment for the signal did not come";
      return child.wait();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  child.send(signal);
  return child.wait();
}

Outcome run_ddpm_until(const fs::path& folder, const std::vector<std::string>& arguments,
                       const fs::path& file, int signal) {
  return run_until(
      folder, ddpm_with(arguments), [&] { return fs::exists(file); }, signal);
}

bool has_written(const fs::path& folder, const std::string& text) {
  const fs::path out = folder / kOut;
  return fs::exists(out) && read_file(out, kLargestOutput).find(text) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::map<std::string, std::string> weights_below(const fs::path& folder) {
  std::map<std::string, std::string> sums;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    sums[entry.path().lexically_relative(folder).string()] = sha256_of_file(entry.path());
  }
  return sums;
}

Image blob_image(int64_t height, int64_t width, int64_t channels, int bits, uint64_t seed) {
  Image image{height, width, channels, bits, {}};
  const double most = bits == 8 ? 255.0 : 65535.0;
  const double cy = uniform({seed, Purpose::kTest, 0}) * static_cast<double>(height);
  const double cx = uniform({seed, Purpose::kTest, 1}) * static_cast<double>(width);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double dy = (static_cast<double>(y) - cy) / static_cast<double>(height);
      const double dx = (static_cast<double>(x) - cx) / static_cast<double>(width);
      for (int64_t c = 0; c < channels; ++c) {
        const double spread = 4.0 + 3.0 * static_cast<double>(c);
        const bool alpha = channels == 4 && c == 3;
        const double value = alpha ? 0.5 : std::exp(-spread * (dy * dy + dx * dx));
        image.samples.push_back(static_cast<uint16_t>(std::lround(value * most)));
      }
    }
  }
  return image;
}

void write_blobs(const fs::path& folder, int64_t count, int64_t height, int64_t width,
                 int64_t channels) {
  fs::create_directories(folder);
  for (int64_t i = 0; i < count; ++i) {
    const std::string digits = std::to_string(1000 + i).substr(1);
    write_file_whole(folder / (digits + ".png"),
                     encode_png(blob_image(height, width, channels, 8, static_cast<uint64_t>(i))));
  }
}

void EndToEnd::SetUp() { write_blobs(folder_ / "data", 24, 8, 8, 1); }

void EndToEnd::train_tiny(const std::string& run, const std::vector<std::string>& more) {
  const bool first = trained_.insert(more).second && !names_files(more);
  if (first && trained_runs().copy_to(folder_ / run, folder_, more)) return;
  std::vector<std::string> arguments = {"train", "--preset", "tiny", "--data",
                                        "data",  "--out",    run};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = ddpm(arguments);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  if (first) trained_runs().keep(folder_ / run, folder_, more);
}

}  // namespace ddpm
