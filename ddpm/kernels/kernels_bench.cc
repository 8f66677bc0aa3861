// kernels_bench: how fast the kernels are, by the machine's own measure and next to oneDNN.
// bench/README.md says how to run it and what the columns mean.

#include <cstdio>
#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/testing/kernel_bench.h"
#include "ddpm/testing/onednn.h"

namespace ddpm {

namespace {

// A line a row, as docs/performance.md has them.
class Table : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override {
    std::printf("%-52s %10s %13s %8s  %-24s %s\n", "kernel", "us", "rate", "of peak",
                "to oneDNN (quartiles)", "oneDNN's");
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Iteration) print(run);
    }
    std::fflush(stdout);
  }

 private:
  static void print(const Run& run) {
    const std::string& name = run.run_name.function_name;
    const auto value = [&](const char* counter) {
      const auto found = run.counters.find(counter);
      return found == run.counters.end() ? 0.0 : static_cast<double>(found->second);
    };
    if (value(kMicroseconds) == 0.0) {
      std::printf("%-52s FAILED\n", name.c_str());
      return;
    }
    const char* unit = run.counters.count("GF/s") > 0 ? "GF/s" : "GB/s";
    std::string ratio;
    if (value(kRatio) > 0) {
      ratio = concat(with_decimals(value(kRatio), 2), " (", with_decimals(value(kLowRatio), 2),
                     " .. ", with_decimals(value(kHighRatio), 2), ")");
    }
    std::printf("%-52s %10.2f %8.1f %s %8.2f  %-24s %s\n", name.c_str(), value(kMicroseconds),
                value(unit), unit, value(kOfPeak), ratio.c_str(), run.report_label.c_str());
  }
};

// Takes --rounds out of the arguments; the others are Google Benchmark's.
int64_t take_rounds(std::vector<char*>& arguments) {
  const std::string flag = "--rounds=";
  int64_t rounds = 15;
  std::erase_if(arguments, [&](const char* argument) {
    const std::string text = argument;
    if (!text.starts_with(flag)) return false;
    const auto number = parse_int(text.substr(flag.size()));
    DDPM_CHECK(number && *number > 0, "kernels_bench: --rounds wanted a positive number, got '",
               text.substr(flag.size()), "'");
    rounds = *number;
    return true;
  });
  return rounds;
}

void print_machine(CpuPath path) {
  std::printf("path: %s; oneDNN: %s\n", name_of(path),
              onednn_version().empty() ? "missing, so there are no ratios to it"
                                       : onednn_version().c_str());
  std::printf("peak of a core: %.1f GF/s in fp32, %.1f in bf16\n",
              1e-9 * rate_of(multiply_adds(path, false)),
              1e-9 * rate_of(multiply_adds(path, true)));
  for (const int64_t bytes : {int64_t{1} << 19, int64_t{1} << 23, int64_t{1} << 27}) {
    std::printf("%s: %.1f GB/s read, %.1f copied\n", readable_bytes(bytes).c_str(),
                1e-9 * rate_of(memory_pass(Pass::kRead, bytes)),
                1e-9 * rate_of(memory_pass(Pass::kCopy, bytes)));
  }
}

// 0 if there were rows and all were right.
int run(int argc, char** argv) {
  std::vector<char*> arguments(argv, argv + argc);
  const int64_t rounds = take_rounds(arguments);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  const CpuPath path = choose_cpu_path();
  limit_onednn(path);
  benchmark::AddCustomContext("cpu_path", name_of(path));
  benchmark::AddCustomContext("onednn", onednn_version());
  add_gemm_rows(rounds);
  add_winograd_rows(rounds);
  add_elementwise_rows(rounds);
  print_machine(path);
  Table table;
  const size_t rows = benchmark::RunSpecifiedBenchmarks(&table);
  for (const std::string& failure : failures()) std::cerr << failure << '\n';
  if (rows == 0) std::cerr << "kernels_bench: no row fits the filter\n";
  return rows > 0 && failures().empty() ? 0 : 1;
}

}  // namespace

}  // namespace ddpm

int main(int argc, char** argv) try {
  return ddpm::run(argc, argv);
} catch (const ddpm::Error& error) {
  std::cerr << error.what() << '\n';
  return 2;
}
