// Where the engine's time goes: each kind of operation, next to what the machine allows it.
//
//   operations CHECKPOINT [--batch N] [--precision fp32|bf16] [--threads N] [--calls N] [--all]
//
// Prints a table in Markdown. An operation's bound is the longest of three times: its products at
// the peak of the path's multiply-adds, its weights from memory once a slice of images, its
// activations through the last cache once; each measured on one core just before and taken times
// the number of threads, which is more than threads get.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/engine/engine_network.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/testing/kernel_bench.h"

namespace ddpm {
namespace {

struct Options {
  std::string checkpoint;
  EngineNetworkOptions engine;
  int64_t batch = 16;
  int64_t calls = 20;
  bool all = false;
};

// Empty if the help was wanted, which is then printed.
std::optional<Options> options_of(int argc, char** argv) {
  Options options;
  std::string precision = "fp32";
  CLI::App app("Where the engine's time goes, next to what the machine allows it.", "operations");
  Flags flags(app, "operations");
  flags.text("CHECKPOINT", options.checkpoint, "CHECKPOINT", "as of `ddpm sample --checkpoint`");
  flags.integer("--batch", options.batch, "images of a prediction", 1);
  flags.choice("--precision", precision, names_of(kPrecisions), "of the products");
  flags.integer("--threads", options.engine.threads, "0: one for each core", 0);
  flags.integer("--calls", options.calls, "of which the shortest time is told", 1);
  flags.toggle("--all", options.all, "each operation by itself, too");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    app.exit(help);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw InvalidArgument(concat("operations: ", error.what()));
  }
  require_given("operations", "CHECKPOINT", options.checkpoint,
                "a run, a checkpoint or a folder of diffusers'");
  options.engine.path = choose_cpu_path();
  options.engine.precision = value_named(kPrecisions, "--precision", precision);
  return options;
}

// Of all threads together, a second.
struct Limits {
  double operations;
  double from_memory;  // bytes
  double from_cache;
};

Limits limits_of(const CompiledUNet& engine) {
  const bool narrow = engine.options().precision == Precision::kBFloat16;
  const auto threads = static_cast<double>(engine.threads());
  return {.operations = threads * rate_of(multiply_adds(*engine.options().path, narrow)),
          .from_memory = threads * rate_of(memory_pass(Pass::kRead, int64_t{128} << 20)),
          .from_cache = threads * rate_of(memory_pass(Pass::kCopy, int64_t{8} << 20))};
}

// What is summed up for a line of the table.
struct Line {
  double seconds = 0.0, bound = 0.0, multiply_adds = 0.0, computed = 0.0;

  void add(const OperationTime& it, const Limits& limits, int64_t slices) {
    seconds += it.seconds;
    bound += std::max({2 * it.computed / limits.operations,
                       static_cast<double>(slices * it.weight_bytes) / limits.from_memory,
                       static_cast<double>(it.activation_bytes) / limits.from_cache});
    multiply_adds += it.multiply_adds;
    computed += it.computed;
  }
};

void print(const std::string& name, const Line& line, const Line& all, int64_t batch) {
  const auto rate = [&](double multiply_adds) { return 2 * multiply_adds / line.seconds / 1e9; };
  std::printf("| %s | %.3f | %.1f %% | %.0f | %.0f | %.3f | %.0f %% |\n", name.c_str(),
              line.seconds * 1e3 / static_cast<double>(batch), 100 * line.seconds / all.seconds,
              rate(line.multiply_adds), rate(line.computed),
              line.bound * 1e3 / static_cast<double>(batch), 100 * line.bound / line.seconds);
}

void report(const Options& options) {
  CompiledUNet engine = open_engine(options.checkpoint, options.engine);
  const Limits limits = limits_of(engine);
  const int64_t at_once = engine.options().at_once;
  const int64_t slices = (options.batch + at_once - 1) / at_once;
  std::printf(
      "%s, %s, %lld threads, batch %lld in slices of at most %lld; peak %.0f GF/s, %.0f GB/s of "
      "memory, "
      "%.0f of the cache\n\n",
      name_of(*engine.options().path), name_of(kPrecisions, engine.options().precision).c_str(),
      static_cast<long long>(engine.threads()), static_cast<long long>(options.batch),
      static_cast<long long>(at_once), limits.operations / 1e9, limits.from_memory / 1e9,
      limits.from_cache / 1e9);
  std::printf(
      "| operation | ms an image | share | GF/s, by definition | GF/s, computed | bound, ms | of "
      "the bound |\n"
      "|---|---|---|---|---|---|---|\n");
  std::map<std::string, Line> kinds;
  Line all;
  const std::vector<OperationTime> times = engine.profile(options.batch, options.calls);
  for (const OperationTime& it : times) {
    kinds[it.kind].add(it, limits, slices);
    all.add(it, limits, slices);
  }
  for (const auto& [kind, line] : kinds) print(kind, line, all, options.batch);
  print("all", all, all, options.batch);
  for (const OperationTime& it : times) {
    if (!options.all) break;
    Line line;
    line.add(it, limits, slices);
    print(it.name, line, all, options.batch);
  }
}

}  // namespace
}  // namespace ddpm

int main(int argc, char** argv) try {
  if (const auto options = ddpm::options_of(argc, argv)) ddpm::report(*options);
  return 0;
} catch (const ddpm::Error& error) {
  std::cerr << error.what() << '\n';
  return 2;
}
