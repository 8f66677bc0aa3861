// The engine on one checkpoint, one prediction for each command, so that other systems can take
// theirs in turn with it: bench/README.md.
//
//   engine_server CHECKPOINT INPUT [--timestep N] [--precision fp32|bf16] [--threads N]
//                 [--at-once N]
//
// INPUT holds images as raw float32 [N, C, H, W]. Prints "ready" and the number of threads, and
// then answers each line of the standard input with one line:
//   run N        predicts the first N images of INPUT: milliseconds
//   write FILE   the output of the last run as raw float32: "written"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/engine/engine_network.h"

namespace ddpm {
namespace {

struct Options {
  std::string checkpoint = {};
  std::string input = {};
  int64_t timestep = 500;  // of all images, as in a sampler's step
  EngineNetworkOptions engine = {};
};

int64_t number_of(const std::string& name, const std::string& text, int64_t least) {
  const auto number = parse_int(text);
  DDPM_CHECK(number && *number >= least, "engine_server: ", name,
             " wanted a whole number of at least ", least, ", got '", text, "'");
  return *number;
}

Options options_of(const std::vector<std::string>& arguments) {
  DDPM_CHECK(arguments.size() >= 2, "engine_server: wanted CHECKPOINT INPUT, got ",
             arguments.size(), " arguments");
  Options options{.checkpoint = arguments[0], .input = arguments[1]};
  for (size_t i = 2; i < arguments.size(); i += 2) {
    const std::string& flag = arguments[i];
    DDPM_CHECK(i + 1 < arguments.size(), "engine_server: ", flag, " wanted a value, got none");
    const std::string& value = arguments[i + 1];
    if (flag == "--timestep") {
      options.timestep = number_of(flag, value, 0);
    } else if (flag == "--precision") {
      options.engine.precision = value_named(kPrecisions, "engine_server: --precision", value);
    } else if (flag == "--threads") {
      options.engine.threads = number_of(flag, value, 0);
    } else if (flag == "--at-once") {
      options.engine.at_once = number_of(flag, value, 0);
    } else {
      throw InvalidArgument(
          concat("engine_server: wanted --timestep, --precision, --threads or --at-once, got '",
                 flag, "'"));
    }
  }
  return options;
}

// The engine, its input, and the output of the last run.
class Server {
 public:
  explicit Server(const Options& options)
      : engine_(open_engine(options.checkpoint, options.engine)) {
    const UNetConfig& config = engine_.config();
    const int64_t pixels = config.height * config.width;
    image_ = config.image_channels * pixels;
    output_image_ = config.output_channels() * pixels;
    DDPM_CHECK(config.classes == 0, "engine_server: wanted a network without classes, got ",
               config.classes, " of them");
    read_input(options.input);
    timesteps_.assign(static_cast<size_t>(images_), options.timestep);
  }

  int64_t threads() const { return engine_.threads(); }

  // Milliseconds of n images.
  double run(int64_t n) {
    DDPM_CHECK(n <= images_, "engine_server: wanted at most the ", images_,
               " images of the input, got ", n);
    output_.resize(static_cast<size_t>(n * output_image_));
    const auto began = std::chrono::steady_clock::now();
    engine_.predict(x_.data(), timesteps_.data(), nullptr, n, output_.data());
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
        .count();
  }

  void write(const std::string& path) const {
    write_file_whole(path, as_text(std::as_bytes(std::span<const float>(output_))));
  }

 private:
  void read_input(const std::string& path) {
    const InputFile file(path);
    const int64_t bytes = file.size();
    const int64_t image_bytes = image_ * static_cast<int64_t>(sizeof(float));
    DDPM_CHECK(bytes > 0 && bytes % image_bytes == 0, "engine_server: ", path,
               ": wanted whole images of ", image_bytes, " bytes each, got ", bytes, " bytes");
    images_ = bytes / image_bytes;
    x_.resize(static_cast<size_t>(images_ * image_));
    file.read_at(0, std::as_writable_bytes(std::span<float>(x_)));
  }

  CompiledUNet engine_;
  int64_t image_ = 0;         // values of an image
  int64_t output_image_ = 0;  // the same of its output
  int64_t images_ = 0;        // of the input
  std::vector<float> x_;
  std::vector<int64_t> timesteps_;
  std::vector<float> output_;
};

int serve(const std::vector<std::string>& arguments) {
  Server server(options_of(arguments));
  std::cout << "ready " << server.threads() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() == 2 && words[0] == "run") {
      const double milliseconds = server.run(number_of("run", words[1], 1));
      std::cout << std::setprecision(9) << milliseconds << std::endl;
    } else if (line.starts_with("write ")) {
      server.write(line.substr(std::strlen("write ")));
      std::cout << "written" << std::endl;
    } else {
      throw InvalidArgument(
          concat("engine_server: wanted 'run N' or 'write FILE', got '", line, "'"));
    }
  }
  return 0;
}

}  // namespace
}  // namespace ddpm

int main(int argc, char** argv) {
  try {
    return ddpm::serve({argv + 1, argv + argc});
  } catch (const ddpm::InvalidArgument& error) {
    std::cerr << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "engine_server: " << error.what() << '\n';
    return 1;
  }
}
