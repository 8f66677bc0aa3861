// Rows of the benchmarks: verified, then timed in turn.

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <span>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/testing/kernel_bench.h"
#include "ddpm/testing/test_arrays.h"

namespace ddpm {

namespace {

constexpr double kTurn = 3e-3;          // seconds that a turn takes at least
constexpr double kTheirTolerance = 10;  // theirs has no contract that we know

// Of all threads of this process: what others on the machine take does not count, what a library's
// own threads take does.
double seconds_so_far() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const std::function<void()>& run, int64_t calls) {
  const double begin = seconds_so_far();
  for (int64_t i = 0; i < calls; ++i) run();
  return (seconds_so_far() - begin) / static_cast<double>(calls);
}

// One that takes turns, and how long a call took in each.
class Turns {
 public:
  explicit Turns(std::function<void()> run) : run_(std::move(run)) {
    const double once = std::max(seconds_of(run_, 1), 1e-9);
    calls_ = std::max<int64_t>(1, std::llround(kTurn / once));
  }

  void take() {
    if (calls_ > 1) run_();  // the caches are another's
    seconds_.push_back(seconds_of(run_, calls_));
  }
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  std::function<void()> run_;
  int64_t calls_;
  std::vector<double> seconds_;
};

// The value below which `share` of the values lie.
double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(std::llround(share * static_cast<double>(values.size() - 1)))];
}

double median(const std::vector<double>& values) { return quantile(values, 0.5); }

std::vector<double> ratios(const std::vector<double>& above, const std::vector<double>& below) {
  std::vector<double> result;
  for (size_t i = 0; i < above.size(); ++i) result.push_back(above[i] / below[i]);
  return result;
}

std::vector<std::string>& kept_failures() {
  static std::vector<std::string> failures;
  return failures;
}

bool is_right(benchmark::State& state, const Contender& contender, double tolerance) {
  contender.run();
  const double error = contender.error();
  if (error <= tolerance) return true;  // not so for NaN
  const std::string text =
      concat(contender.name, ": wanted an error of at most ", tolerance, ", got ", error);
  kept_failures().push_back(text);
  state.SkipWithError(text.c_str());
  return false;
}

// Ours first in one round, last in the next.
void take_turns(benchmark::State& state, std::vector<Turns>& turns) {
  bool forward = true;
  for ([[maybe_unused]] auto round : state) {
    for (size_t i = 0; i < turns.size(); ++i) {
      turns[forward ? i : turns.size() - 1 - i].take();
    }
    forward = !forward;
    state.SetIterationTime(turns.front().seconds().back());
  }
}

void count_ratio(benchmark::State& state, const Row& row, const std::vector<double>& ours,
                 std::span<const Turns> theirs) {
  if (theirs.empty()) return;
  size_t best = 0;
  for (size_t i = 1; i < theirs.size(); ++i) {
    if (median(theirs[i].seconds()) < median(theirs[best].seconds())) best = i;
  }
  const std::vector<double> ratio = ratios(theirs[best].seconds(), ours);
  state.counters[kRatio] = median(ratio);
  state.counters[kLowRatio] = quantile(ratio, 0.25);
  state.counters[kHighRatio] = quantile(ratio, 0.75);
  state.SetLabel(row.theirs[best].name);
}

}  // namespace

const std::vector<std::string>& failures() { return kept_failures(); }

void time_in_turn(benchmark::State& state, const Row& row) {
  if (!is_right(state, row.ours, row.tolerance)) return;
  for (const Contender& contender : row.theirs) {
    if (!is_right(state, contender, kTheirTolerance * row.tolerance)) return;
  }
  std::vector<Turns> turns;
  turns.emplace_back(row.ours.run);
  turns.emplace_back(row.bound.run);
  for (const Contender& contender : row.theirs) turns.emplace_back(contender.run);
  take_turns(state, turns);
  const std::vector<double>& ours = turns[0].seconds();
  state.counters[kMicroseconds] = 1e6 * median(ours);
  state.counters[row.unit] = 1e-9 * row.work / median(ours);
  const double bound_runs = row.limited / row.bound.work;
  state.counters[kOfPeak] = bound_runs * median(ratios(turns[1].seconds(), ours));
  count_ratio(state, row, ours, std::span(turns).subspan(2));
}

void add_row(const std::string& name, int64_t rounds, const RowFunction& row) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [row, name](benchmark::State& state) {
                                 const size_t failed = failures().size();
                                 row(state);
                                 if (failures().size() > failed)
                                   kept_failures().back().insert(0, name + ": ");
                               })
      ->Iterations(rounds)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

void* take_memory(int64_t bytes) {
  constexpr int64_t kCacheLine = 64, kLargePage = int64_t{1} << 21;
  const int64_t alignment = bytes >= kLargePage ? kLargePage : kCacheLine;
  const auto whole = static_cast<size_t>((bytes + alignment - 1) / alignment * alignment);
  void* memory = std::aligned_alloc(static_cast<size_t>(alignment), whole);
  if (memory == nullptr) throw std::bad_alloc();
  if (bytes >= kLargePage) ::madvise(memory, whole, MADV_HUGEPAGE);
  return memory;
}

double rate_of(const Bound& bound) {
  Turns turns(bound.run);
  for (int i = 0; i < 5; ++i) turns.take();
  return bound.work / *std::min_element(turns.seconds().begin(), turns.seconds().end());
}

std::vector<float> some_values(int64_t count, uint64_t seed, double scale) {
  const std::vector<double> values = random_values(count, seed, scale);
  return {values.begin(), values.end()};
}

Array<float> in_blocks(const std::vector<float>& values, int64_t rows, int64_t channels) {
  Array<float> blocks(blocks_of(channels) * rows * kLanes);
  const float* value = values.data();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < channels; ++c) {
      blocks[(c / kLanes * rows + row) * kLanes + c % kLanes] = *value++;
    }
  }
  return blocks;
}

std::vector<int64_t> some_rows(int64_t rows) {
  const int64_t count = std::min<int64_t>(rows, 67);
  std::vector<int64_t> some;
  for (int64_t i = 0; i < count; ++i) {
    some.push_back(count == 1 ? 0 : i * (rows - 1) / (count - 1));
  }
  return some;
}

std::vector<double> rows_of(const std::vector<float>& values, int64_t columns,
                            const std::vector<int64_t>& rows) {
  std::vector<double> some;
  for (const int64_t row : rows) {
    const auto begin = values.begin() + row * columns;
    some.insert(some.end(), begin, begin + columns);
  }
  return some;
}

std::vector<double> rows_of_blocks(const float* blocks, int64_t all_rows, int64_t columns,
                                   const std::vector<int64_t>& rows) {
  std::vector<double> some;
  for (const int64_t row : rows) {
    for (int64_t c = 0; c < columns; ++c) {
      some.push_back(
          static_cast<double>(blocks[(c / kLanes * all_rows + row) * kLanes + c % kLanes]));
    }
  }
  return some;
}

std::vector<float> widened(const Array<uint16_t>& values) {
  std::vector<float> wide;
  for (int64_t i = 0; i < values.size(); ++i) wide.push_back(from_bf16(values[i]));
  return wide;
}

double largest_error(const float* got, const std::vector<double>& wanted) {
  double largest = 0.0;
  for (const double value : wanted) {
    const double error = std::abs(static_cast<double>(*got++) - value) / (1.0 + std::abs(value));
    if (!(error <= largest)) largest = error;  // NaN stays
  }
  return largest;
}

}  // namespace ddpm
