#include "ddpm/models/dropout.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr int64_t kLanes = 4;  // 16-bit numbers in a word
constexpr double kLaneValues = 65536.0;

void fill_mask(const Stream& stream, uint64_t threshold, float kept, std::span<float> mask) {
  std::vector<uint64_t> words((mask.size() + kLanes - 1) / kLanes);
  fill_words(stream, words);
  for (size_t i = 0; i < mask.size(); ++i) {
    const uint64_t lane = (words[i / kLanes] >> (16 * (i % kLanes))) & 0xffff;
    mask[i] = lane < threshold ? 0.0F : kept;
  }
}

}  // namespace

Tensor dropout(const Tensor& h, double p, const DropoutKey& key, int64_t layer) {
  DDPM_CHECK(p >= 0.0 && p < 1.0, "dropout: the probability must be in [0, 1), got ", p);
  const double threshold = std::round(p * kLaneValues);
  const auto kept = static_cast<float>(kLaneValues / (kLaneValues - threshold));
  Tensor mask = at::empty(h.sizes(), at::kFloat);
  auto* values = mask.mutable_data_ptr<float>();
  const int64_t size = h.numel() / h.size(0);
  at::parallel_for(0, h.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Stream stream{key.seed, Purpose::kDropout, static_cast<uint64_t>(key.first_sample + i),
                          static_cast<uint64_t>(layer)};
      fill_mask(stream, static_cast<uint64_t>(threshold), kept,
                {values + i * size, static_cast<size_t>(size)});
    }
  });
  return h * mask.to(h.device(), h.scalar_type()).contiguous(h.suggest_memory_format());
}

}  // namespace ddpm
