// What the benchmarks of the kernels share: arrays as the engine has them, rows that are verified
// and then timed in turn with another library, what one core can at best.

#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ddpm/kernels/kernels.h"

namespace ddpm {

// Memory as the engine's: it begins at a cache line, much of it lies in large pages. For free().
void* take_memory(int64_t bytes);

// Zeros in such memory.
template <typename Value>
class Array {
 public:
  explicit Array(int64_t count)
      : values_(static_cast<Value*>(take_memory(count * static_cast<int64_t>(sizeof(Value))))),
        count_(count) {
    std::fill_n(data(), count, Value{});
  }
  explicit Array(const std::vector<Value>& values) : Array(std::ssize(values)) {
    std::copy(values.begin(), values.end(), data());
  }

  Value* data() const { return values_.get(); }
  Value& operator[](int64_t i) const { return data()[i]; }
  int64_t size() const { return count_; }

 private:
  struct Free {
    void operator()(Value* values) const { std::free(values); }
  };
  std::unique_ptr<Value, Free> values_;
  int64_t count_;
};

// An activation [rows][channels] in blocks of 16 channels, [blocks][rows][16].
Array<float> in_blocks(const std::vector<float>& values, int64_t rows, int64_t channels);

// float32 numbers of the standard normal distribution times `scale`.
std::vector<float> some_values(int64_t count, uint64_t seed, double scale = 1.0);

std::vector<float> widened(const Array<uint16_t>& bf16);

// Up to 67 rows from the first to the last: where comparing all would take longer than timing.
std::vector<int64_t> some_rows(int64_t rows);
// Those rows of [rows][columns], and of the same in blocks.
std::vector<double> rows_of(const std::vector<float>& values, int64_t columns,
                            const std::vector<int64_t>& rows);
std::vector<double> rows_of_blocks(const float* blocks, int64_t all_rows, int64_t columns,
                                   const std::vector<int64_t>& rows);

// The largest of |got - wanted| / (1 + |wanted|).
double largest_error(const float* got, const std::vector<double>& wanted);

// Work at the speed of the hardware, as much as it takes a tenth of a millisecond or so.
struct Bound {
  std::function<void()> run;
  double work;  // of one run: operations or bytes
};

// Multiply-adds in registers by the path's instructions; of bfloat16 pairs where it has them, else
// of the float32 numbers that it widens them to.
Bound multiply_adds(CpuPath path, bool bf16);
// Going once over memory of which `bytes` are read or written.
enum class Pass {
  kRead,
  kCopy,      // to another place
  kInPlace,   // each is read and written
  kTwoToOne,  // twice as many are read as are written
};
Bound memory_pass(Pass pass, int64_t bytes);
// Operations or bytes a second: the best of a few runs.
double rate_of(const Bound& bound);

// A way to compute what a row is about.
struct Contender {
  std::string name;
  std::function<void()> run;
  std::function<double()> error;  // of what the first run() left, in the row's measure
};

struct Row {
  const char* unit;  // "GF/s" or "GB/s"
  double work;       // of one run: operations of the definition, or bytes
  double limited;    // what of it the bound limits: the same but for Winograd's products
  double tolerance;  // of ours; others may be as far off as ten times that
  Bound bound;
  Contender ours;
  std::vector<Contender> theirs;  // none: the row has no ratio
};

// The counters of a row, beside its rate, which is named by its unit.
inline constexpr const char* kMicroseconds = "us";  // of a run of ours, median
inline constexpr const char* kOfPeak = "of_peak";
inline constexpr const char* kRatio = "to_onednn";  // its time over ours: median and quartiles
inline constexpr const char* kLowRatio = "to_onednn_q1";
inline constexpr const char* kHighRatio = "to_onednn_q3";

// Verifies every contender, then lets them and the bound take turns, an iteration of `state` a
// round. The counters are medians over the rounds; the ratio is to the fastest of theirs. The row
// fails if a result is wrong.
void time_in_turn(benchmark::State& state, const Row& row);

// What failed so far, a line each.
const std::vector<std::string>& failures();

// Registers rows of `rounds` rounds.
using RowFunction = std::function<void(benchmark::State& state)>;
void add_row(const std::string& name, int64_t rounds, const RowFunction& row);
void add_gemm_rows(int64_t rounds);
void add_winograd_rows(int64_t rounds);
void add_elementwise_rows(int64_t rounds);

}  // namespace ddpm
