// Every flag that names a file, with what is no plain file: nothing hangs, nothing that is not an
// output of the command is changed, and every complaint is one line.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr int64_t kLargest = 1 << 24;
constexpr const char* kHere = "@";  // in Words: the name that is tried

Words with_name(Words words, const std::string& name) {
  for (std::string& word : words) {
    if (word == kHere) word = name;
  }
  return words;
}

std::string line_of(const Words& words) {
  std::string line;
  for (const std::string& word : words) line += word + " ";
  return line;
}

// Each flag of each command that names something to read, the rest being right.
std::vector<Words> all_readers() {
  const Words model = {"--checkpoint", "run"};
  const auto with_model = [](const std::string& command, Words more) {
    more.insert(more.begin(), {command, "--checkpoint", "run"});
    return more;
  };
  return {
      {"train", "--config", kHere, "--data", "data", "--out", "new"},
      {"plan", "--config", kHere, "--data", "data"},
      {"train", "--preset", "tiny", "--data", kHere, "--out", "new"},
      {"train", "--preset", "tiny", "--data", "data", "--init-from", kHere, "--out", "new"},
      {"train", "--preset", "tiny", "--data", "data", "--network", kHere, "--out", "new"},
      {"train", "--resume", kHere},
      {"plan", "--preset", "tiny", "--data", "data", "--schedule", "list", "--betas", kHere},
      {"sample", "--checkpoint", kHere, "--out", "new"},
      {"info", kHere},
      {"export", "--checkpoint", kHere, "--out", "new"},
      {"export", "--checkpoint", kHere, "--format", "onnx", "--out", "new.onnx"},
      with_model("denoise", {"--data", kHere, "--out", "new.png"}),
      with_model("interpolate", {"--from", kHere, "--to", "data/000.png", "--out", "new.png"}),
      with_model("interpolate", {"--from", "data/000.png", "--to", kHere, "--out", "new.png"}),
      with_model("reconstruct", {"--data", kHere, "--out", "new.png"}),
      with_model("inpaint", {"--data", "data", "--mask", kHere, "--out", "new.png"}),
      with_model("predict", {"--input", kHere, "--timesteps", "t.npy", "--output", "new.npy"}),
      with_model("predict", {"--input", "x.npy", "--timesteps", kHere, "--output", "new.npy"}),
      {"evaluate", "bpd", "--checkpoint", "run", "--data", kHere, "--out", "new"},
      {"forward", "--data", kHere, "--out", "new.png"},
      {"forward", "--data", "data", "--schedule", "list", "--betas", kHere, "--out", "new.png"},
      {"schedule", "--schedule", "list", "--betas", kHere},
      {"schedule", "--checkpoint", kHere},
      {"convert", "--from", "ddpm-torch", "--weights", kHere, "--out", "new"},
  };
}

// Each flag of each command that names a file to write; the ending of its content behind "@".
std::vector<std::pair<Words, std::string>> all_writers() {
  return {
      {{"denoise", "--checkpoint", "run", "--steps", "2", "--out", kHere}, ".png"},
      {{"progressive", "--checkpoint", "run", "--steps", "2", "--out", kHere}, ".png"},
      {{"family", "--checkpoint", "run", "--sampler", "ddpm", "--out", kHere}, ".png"},
      {{"interpolate", "--checkpoint", "run", "--data", "data", "--steps", "2", "--out", kHere},
       ".png"},
      {{"reconstruct", "--checkpoint", "run", "--data", "data", "--steps", "2", "--out", kHere},
       ".png"},
      {{"reconstruct", "--checkpoint", "run", "--data", "data", "--steps", "2", "--out", "o.png",
        "--csv", kHere},
       ".csv"},
      {{"inpaint", "--checkpoint", "run", "--data", "data", "--fill", "left", "--steps", "2",
        "--out", kHere},
       ".png"},
      {{"predict", "--checkpoint", "run", "--input", "x.npy", "--timesteps", "t.npy", "--output",
        kHere},
       ".npy"},
      {{"sample", "--checkpoint", "run", "--out", "samples", "--count", "1", "--steps", "2",
        "--npz", kHere},
       ".npz"},
      {{"forward", "--data", "data", "--out", kHere}, ".png"},
      {{"schedule", "--T", "5", "--out", kHere}, ".png"},
      {{"schedule", "--T", "5", "--csv", kHere}, ".csv"},
  };
}

// And those that name a folder to write into.
std::vector<Words> all_folder_writers() {
  return {
      {"train", "--preset", "tiny", "--data", "data", "--out", kHere},
      {"sample", "--checkpoint", "run", "--out", kHere, "--count", "1"},
      {"export", "--checkpoint", "run", "--out", kHere},
      {"evaluate", "bpd", "--checkpoint", "run", "--data", "data", "--out", kHere},
      {"progressive", "--checkpoint", "run", "--out", "new.png", "--single", kHere},
  };
}

class SpecialFiles : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run");
    const std::string zeros(64 * sizeof(float), '\0');
    write_file_whole(folder_ / "x.npy", encode_npy({"<f4", {1, 1, 8, 8}, zeros}));
    write_file_whole(folder_ / "t.npy",
                     encode_npy({"<i8", {1}, std::string(sizeof(int64_t), '\0')}));
    ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (folder_ / "socket").c_str(), sizeof(address.sun_path) - 1);
    has_socket_ = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(socket);
    has_device_ = make_null("null");
  }

  // A node like /dev/null, as the machine's own must not be at risk.
  bool make_null(const std::string& name) const {
    if (::mknod((folder_ / name).c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) return false;
    const int opened = ::open((folder_ / name).c_str(), O_WRONLY | O_CLOEXEC);
    if (opened >= 0) ::close(opened);
    return opened >= 0;
  }

  // A hang counts as exit code 124.
  Outcome timed(const Words& words) const {
    return run_shell(folder_, "timeout -s KILL 60 " DDPM_BUILD_DIR "/ddpm " + line_of(words));
  }

  void expect_one_line(const Outcome& outcome, const Words& words) const {
    EXPECT_TRUE(outcome.exit_code == 1 || outcome.exit_code == 2)
        << line_of(words) << "\n"
        << outcome.exit_code << outcome.out << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << line_of(words) << "\n" << outcome.err;
    EXPECT_EQ(outcome.err.find(".tmp-"), std::string::npos) << outcome.err;
  }

  mode_t kind_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat((folder_ / name).c_str(), &status), 0) << name;
    return status.st_mode & S_IFMT;
  }

  void expect_no_leftovers() const {
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-")) << entry.path();
    }
  }

  std::string bytes_of(const std::string& name) const {
    return read_file(folder_ / name, kLargest);
  }

  bool has_socket_ = false;
  bool has_device_ = false;
};

TEST_F(SpecialFiles, AsInputsAreRefusedAtOnceByEveryFlag) {
  Words names = {"fifo", "/dev/zero", "/dev/tty"};
  if (has_socket_) names.push_back("socket");
  fs::create_symlink("fifo", folder_ / "link");
  names.push_back("link");
  for (const Words& reader : all_readers()) {
    for (const std::string& name : names) {
      const Words words = with_name(reader, name);
      expect_one_line(timed(words), words);
    }
  }
  EXPECT_FALSE(fs::exists(folder_ / "new") || fs::exists(folder_ / "new.png"));
}

TEST_F(SpecialFiles, AsPartsOfACheckpointAreRefusedAtOnce) {
  const fs::path checkpoint = folder_ / "run/checkpoints/00000020";
  for (const char* name :
       {"ddpm.json", "manifest.json", "model_index.json", "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"}) {
    fs::remove_all(folder_ / "broken");
    fs::copy(checkpoint, folder_ / "broken", fs::copy_options::recursive);
    if (std::string(name) != "manifest.json") fs::remove(folder_ / "broken/manifest.json");
    if (!fs::exists(checkpoint / name)) continue;
    fs::remove(folder_ / "broken" / name);
    ASSERT_EQ(::mkfifo((folder_ / "broken" / name).c_str(), 0600), 0);
    for (const Words& words : {Words{"sample", "--checkpoint", "broken", "--out", "new"},
                               Words{"export", "--checkpoint", "broken", "--out", "new"}}) {
      expect_one_line(timed(words), words);
    }
  }
  fs::rename(folder_ / "run/config.json", folder_ / "config.json");
  ASSERT_EQ(::mkfifo((folder_ / "run/config.json").c_str(), 0600), 0);
  expect_one_line(timed({"train", "--resume", "run"}), {"RUN/config.json"});
}

TEST_F(SpecialFiles, AsOutputsAreWrittenToOrRefusedButNeverReplaced) {
  for (const auto& [writer, ending] : all_writers()) {
    expect_one_line(timed(with_name(writer, "fifo")), writer);
    EXPECT_EQ(kind_of("fifo"), S_IFIFO) << line_of(writer);
    if (has_socket_) {
      expect_one_line(timed(with_name(writer, "socket")), writer);
      EXPECT_EQ(kind_of("socket"), S_IFSOCK) << line_of(writer);
    }
    if (!has_device_) continue;
    const Outcome outcome = timed(with_name(writer, "null"));
    EXPECT_EQ(outcome.exit_code, 0) << line_of(writer) << outcome.err;
    EXPECT_EQ(kind_of("null"), S_IFCHR) << line_of(writer);
  }
  for (const Words& writer : all_folder_writers()) {
    for (const std::string name : {"fifo", "x.npy", "-", "/dev/null"}) {
      expect_one_line(timed(with_name(writer, name)), writer);
    }
  }
  EXPECT_FALSE(fs::exists(folder_ / "-"));
  EXPECT_EQ(kind_of("fifo"), S_IFIFO);
  expect_no_leftovers();
}

TEST_F(SpecialFiles, ALinkStaysALinkAndItsTargetGetsTheOutput) {
  for (const auto& [writer, ending] : all_writers()) {
    const std::string link = "link" + ending;
    fs::remove(folder_ / link);
    fs::remove(folder_ / ("target" + ending));
    fs::create_symlink("target" + ending, folder_ / link);
    for (int i = 0; i < 2; ++i) {  // one that leads nowhere, then one to a file
      const Outcome outcome = timed(with_name(writer, link));
      EXPECT_EQ(outcome.exit_code, 0) << line_of(writer) << outcome.err;
      EXPECT_TRUE(fs::is_symlink(folder_ / link)) << line_of(writer);
      EXPECT_GT(fs::file_size(folder_ / ("target" + ending)), 0U) << line_of(writer);
    }
  }
  expect_no_leftovers();
}

TEST_F(SpecialFiles, AnOutputThatIsAnInputIsRefusedAndLeftAsItWas) {
  fs::create_hard_link(folder_ / "x.npy", folder_ / "twin.npy");
  fs::create_hard_link(folder_ / "data/000.png", folder_ / "photo.png");
  fs::create_hard_link(folder_ / "run/config.json", folder_ / "config.png");
  const std::map<std::string, std::string> before = {{"x.npy", bytes_of("x.npy")},
                                                     {"photo.png", bytes_of("photo.png")},
                                                     {"config.png", bytes_of("config.png")}};
  const Words predict = {"predict",     "--checkpoint", "run",      "--input", "x.npy",
                         "--timesteps", "t.npy",        "--output", kHere};
  for (const char* name : {"x.npy", "twin.npy", "./x.npy", "t.npy"}) {
    expect_one_line(timed(with_name(predict, name)), with_name(predict, name));
  }
  const std::vector<Words> pictures = {
      {"forward", "--data", "photo.png", "--images", "1", "--out", kHere},
      {"forward", "--data", "data", "--out", kHere},
      {"denoise", "--checkpoint", "run", "--data", "data", "--out", kHere},
      {"reconstruct", "--checkpoint", "run", "--data", "data", "--out", kHere},
      {"interpolate", "--checkpoint", "run", "--from", "photo.png", "--to", "data/001.png", "--out",
       kHere},
      {"inpaint", "--checkpoint", "run", "--data", "photo.png", "--fill", "left", "--out", kHere},
  };
  for (const Words& words : pictures) {
    expect_one_line(timed(with_name(words, "photo.png")), words);
    expect_one_line(timed(with_name(words, "data/000.png")), words);
  }
  for (const auto& [writer, ending] : all_writers()) {
    if (ending != ".png" || writer[1] != "--checkpoint") continue;
    expect_one_line(timed(with_name(writer, "config.png")), writer);
  }
  for (const auto& [name, bytes] : before) EXPECT_EQ(bytes_of(name), bytes) << name;
}

TEST_F(SpecialFiles, AWrongEndingIsRefused) {
  for (const auto& [writer, ending] : all_writers()) {
    for (const std::string name : {"a.jpg", "a.jsonl", "a.pt"}) {
      expect_one_line(timed(with_name(writer, name)), writer);
      EXPECT_FALSE(fs::exists(folder_ / name));
    }
  }
}

TEST_F(SpecialFiles, NamesOf255BytesAreWritten) {
  for (const auto& [writer, ending] : all_writers()) {
    const std::string name = std::string(255 - ending.size(), 'n') + ending;
    const Outcome outcome = timed(with_name(writer, name));
    EXPECT_EQ(outcome.exit_code, 0) << line_of(writer) << outcome.err;
    EXPECT_TRUE(fs::exists(folder_ / name)) << line_of(writer);
    const Words too_long = with_name(writer, "n" + name);
    expect_one_line(timed(too_long), too_long);
  }
  expect_no_leftovers();
}

TEST_F(SpecialFiles, ATableOnStandardOutputIsTheTableAlone) {
  const Outcome file = ddpm({"schedule", "--T", "5", "--csv", "a.csv"});
  const std::string table = bytes_of("a.csv");
  for (const char* name : {"-", "/dev/stdout"}) {
    EXPECT_EQ(timed({"schedule", "--T", "5", "--csv", name}).out, table);
    EXPECT_EQ(run_shell(folder_,
                        std::string(DDPM_BUILD_DIR "/ddpm schedule --T 5 --csv ") + name + " | cat")
                  .out,
              table);
  }
  const Outcome picture = timed({"forward", "--data", "data", "--out", "-"});
  EXPECT_TRUE(is_png(as_bytes(picture.out)));
  EXPECT_NE(picture.err.find("next: "), std::string::npos);
}

TEST_F(SpecialFiles, AForeignPictureAmongSingleImagesIsKept) {
  fs::create_directories(folder_ / "cells");
  fs::copy(folder_ / "data/000.png", folder_ / "cells/00-00.png");
  const std::string before = bytes_of("cells/00-00.png");
  const Words words = {"progressive", "--checkpoint", "run",      "--steps", "2",
                       "--out",       "new.png",      "--single", "cells"};
  expect_one_line(timed(words), words);
  EXPECT_EQ(bytes_of("cells/00-00.png"), before);
  fs::remove(folder_ / "cells/00-00.png");
  EXPECT_EQ(timed(words).exit_code, 0);
  EXPECT_EQ(timed(words).exit_code, 0);  // its own are replaced
}

// RLIMIT_FSIZE is a disk that is full after so many blocks of 512 bytes, for this process alone.
TEST_F(SpecialFiles, AFullDiskIsOneLineThatNamesTheTargetAndLeavesWhatWasThere) {
  for (const auto& [writer, ending] : all_writers()) {
    const std::string name = "full" + ending;
    write_file_whole(folder_ / name, "old");
    const Outcome outcome =
        run_shell(folder_, "(ulimit -f 0; timeout -s KILL 60 " DDPM_BUILD_DIR "/ddpm " +
                               line_of(with_name(writer, name)) + ") 2>&1 | cat");
    EXPECT_NE(outcome.out.find("File too large"), std::string::npos)
        << line_of(writer) << outcome.out;
    EXPECT_EQ(bytes_of(name), "old") << line_of(writer);
  }
  expect_no_leftovers();
}

}  // namespace
}  // namespace ddpm
