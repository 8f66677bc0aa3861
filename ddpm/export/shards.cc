#include "ddpm/export/shards.h"

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr double kMostBytes = 9e18;  // an int64_t holds a little more
constexpr size_t kNumberDigits = 5;  // of a shard

struct Unit {
  const char* name;
  double bytes;
};
constexpr Unit kUnits[] = {{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"", 1.0}};

std::string with_zeros(size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(digits.size() < kNumberDigits ? kNumberDigits - digits.size() : 0, '0') +
         digits;
}

}  // namespace

int64_t parse_byte_count(std::string_view text, const std::string& who) {
  const std::string lower = lower_case(text);
  for (const Unit& unit : kUnits) {
    const std::string_view name = unit.name;
    if (!lower.ends_with(name)) continue;
    const auto number = parse_double(std::string_view(lower).substr(0, lower.size() - name.size()));
    const double bytes = number ? *number * unit.bytes : 0.0;
    const bool whole = !name.empty() || bytes == std::floor(bytes);
    if (bytes >= 1.0 && bytes < kMostBytes && whole) return static_cast<int64_t>(bytes);
    break;
  }
  throw InvalidArgument(concat(who,
                               ": wanted a size of at least one byte, such as 10GB, 500MB, 50KB or "
                               "a number of bytes, got '",
                               text, "'"));
}

std::vector<std::vector<size_t>> split_into_shards(std::span<const int64_t> bytes, int64_t most) {
  std::vector<std::vector<size_t>> shards;
  std::vector<size_t> current;
  int64_t filled = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] > most) {
      shards.push_back({i});
      continue;
    }
    if (filled + bytes[i] > most) {
      shards.push_back(std::move(current));
      current.clear();
      filled = 0;
    }
    current.push_back(i);
    filled += bytes[i];
  }
  if (!current.empty()) shards.push_back(std::move(current));
  return shards;
}

std::string shard_name(size_t number, size_t count) {
  const std::string place =
      count == 1 ? "" : concat("-", with_zeros(number + 1), "-of-", with_zeros(count));
  return concat("diffusion_pytorch_model", place, ".safetensors");
}

}  // namespace ddpm
