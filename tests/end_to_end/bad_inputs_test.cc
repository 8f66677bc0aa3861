// Each thing that a person may get wrong: one line that says who, wanted and got, the right exit
// code, and nothing written.

#include "bad_inputs.h"

#include <signal.h>

#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPickle = "\x80\x02}q\x01.";

std::vector<BadInput> bad_inputs() {
  std::vector<BadInput> all;
  for (const auto& list :
       {bad_inputs_of_training(), bad_inputs_of_models(), bad_inputs_of_checkpoints(),
        bad_inputs_of_pictures(), bad_inputs_of_export(), bad_inputs_of_conversion()}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

std::set<fs::path> everything_below(const fs::path& folder) {
  std::set<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) found.insert(entry.path());
  return found;
}

std::string npy_of_floats(const std::vector<int64_t>& shape) {
  NpyArray array{"<f4", shape, ""};
  array.bytes.assign(static_cast<size_t>(array.count()) * sizeof(float), '\0');
  return encode_npy(array);
}

std::string npy_of_integer(int64_t value) {
  return encode_npy({"<i8", {1}, {reinterpret_cast<const char*>(&value), sizeof(value)}});
}

// The same weights, but the first number of the first tensor is one that half cannot hold.
std::string with_a_large_number(std::string weights) {
  uint64_t header = 0;
  std::memcpy(&header, weights.data(), sizeof(header));
  const float large = 1e6f;
  std::memcpy(weights.data() + sizeof(header) + header, &large, sizeof(large));
  return weights;
}

class BadInputs : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20"});
    const Outcome made = ddpm({"sample", "--checkpoint", "run", "--out", "done", "--count", "1",
                               "--seed", "1", "--sampler", "ddim", "--steps", "2"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const Outcome evaluated = ddpm(evaluate_with("bpd", {"--out", "evaluated"}));
    ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
    fs::create_directories(folder_ / "deep");
    for (const char* name : {"deep/0.png", "deep/1.png"}) {
      write_file_whole(folder_ / name, encode_png(blob_image(8, 8, 1, 16, 3)));
    }
    write_blobs(folder_ / "other", 5, 8, 8, 1);
    fs::create_directories(folder_ / "empty");
    write_file_whole(folder_ / "empty" / "notes.txt", "no image");
    write_blobs(folder_ / "broken", 2, 8, 8, 1);
    write_file_whole(folder_ / "broken" / "001.png", "not a picture");
    write_file_whole(folder_ / "config.json", R"({"data": "data", "bach_size": 3})");
    write_file_whole(folder_ / "broken.json", R"({"data": )");
    write_file_whole(folder_ / "x.npy", npy_of_floats({1, 1, 8, 8}));
    write_file_whole(folder_ / "small.npy", npy_of_floats({1, 1, 4, 4}));
    write_file_whole(folder_ / "t.npy", npy_of_integer(10));
    write_file_whole(folder_ / "late.npy", npy_of_integer(1000000));
    write_blobs(folder_ / "mixed", 4, 8, 8, 1);
    write_file_whole(folder_ / "mixed" / "large.png", encode_png(blob_image(16, 16, 1, 8, 1)));
    write_blobs(folder_ / "odd", 4, 25, 25, 1);
    write_file_whole(folder_ / "old.pt", kPickle);
    write_weights_to_convert(folder_);
    write_model("pickled", "diffusion_pytorch_model.safetensors", kPickle);
    write_model("zipped", "diffusion_pytorch_model.bin", "PK\3\4 and so on");
    write_model("weightless", "notes.txt", "");
    write_bad_checkpoints(folder_, folder_ / "run" / "checkpoints" / "00000020");
    const fs::path weights = "unet/diffusion_pytorch_model.safetensors";
    const std::string bytes = read_file(folder_ / "run/checkpoints/00000020" / weights, 1 << 24);
    write_model("single", weights.filename(), bytes);
    write_model("large", weights.filename(), with_a_large_number(bytes));
  }

  // A diffusers folder with this in the place of its weights.
  void write_model(const std::string& model, const std::string& name,
                   const std::string& bytes) const {
    const fs::path from = folder_ / "run" / "checkpoints" / "00000020";
    fs::create_directories(folder_ / model / "unet");
    for (const char* part : {"model_index.json", "unet/config.json", "scheduler"}) {
      fs::copy(from / part, folder_ / model / part, fs::copy_options::recursive);
    }
    write_file_whole(folder_ / model / "unet" / name, bytes);
  }
};

TEST_F(BadInputs, EachGetsItsOneLineItsExitCodeAndWritesNothing) {
  EXPECT_GE(bad_inputs().size(), 250U);
  const std::set<fs::path> before = everything_below(folder_);
  const std::set<std::string> of_the_program = {"UnknownCommand", "FlagBeforeTheCommand",
                                                "WordBeforeTheCommand"};
  for (const BadInput& input : bad_inputs()) {
    SCOPED_TRACE(input.name);
    const Outcome outcome = ddpm(input.arguments);
    RecordProperty(input.name, outcome.err);  // for whoever wants to read them all
    EXPECT_EQ(outcome.exit_code, input.exit_code) << outcome.err;
    const auto lines = lines_of(outcome.err);
    EXPECT_EQ(lines.size(), 1U) << outcome.err;
    const bool command = of_the_program.count(input.name) == 0 && !input.arguments.empty();
    const std::string who = command ? input.arguments[0] : "ddpm";
    const bool of_two_words = outcome.err.rfind(who + " ", 0) == 0 && who == "evaluate";
    EXPECT_TRUE(of_two_words || outcome.err.rfind(who + ":", 0) == 0) << outcome.err;
    for (const std::string& word : input.said) {
      EXPECT_NE(outcome.err.find(word), std::string::npos) << word << " is not in: " << outcome.err;
    }
    std::set<fs::path> after = everything_below(folder_);
    after.erase(folder_ / ".stdout");
    after.erase(folder_ / ".stderr");
    std::set<fs::path> expected = before;
    expected.erase(folder_ / ".stdout");
    expected.erase(folder_ / ".stderr");
    EXPECT_EQ(after, expected);
  }
}

TEST_F(BadInputs, ASecondProcessOnTheSameRunIsRefused) {
  train_tiny("shared", {"--steps", "20"});
  const std::vector<std::string> long_run = {
      "train",   "--preset",  "tiny",         "--data", "data",           "--out", "busy",
      "--steps", "100000000", "--save-every", "20",     "--sample-every", "0"};
  // the first one runs until the second has been refused
  const fs::path refused = folder_ / "refused";
  std::thread second([this, &refused] {
    while (!fs::exists(folder_ / "busy" / "checkpoints" / "00000020")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    fs::create_directories(folder_ / "elsewhere");
    const Outcome outcome =
        run_ddpm(folder_ / "elsewhere", {"train", "--resume", (folder_ / "busy").string()});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_NE(outcome.err.find("process"), std::string::npos) << outcome.err;
    write_file_whole(refused, "");
  });
  const Outcome first = run_ddpm_until(folder_, long_run, refused, SIGINT);
  second.join();
  EXPECT_EQ(first.exit_code, 128 + SIGINT) << first.err;
}

}  // namespace
}  // namespace ddpm
