// Which images of a dataset are copies of others, byte for byte.

#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ddpm {

// The first image with the same bytes, by Source::first_copy.
inline int64_t first_copy_of(int64_t index, const std::vector<int64_t>& first_copy) {
  return first_copy.empty() ? index : first_copy[static_cast<size_t>(index)];
}

class Copies {
 public:
  // Of the images `used` of a source, by their numbers among these.
  Copies(const std::vector<int64_t>& used, const std::vector<int64_t>& first_in_source) {
    if (first_in_source.empty()) return;
    std::unordered_map<int64_t, int64_t> places;  // by the number in the source
    for (const int64_t index : used) {
      const auto place = static_cast<int64_t>(first_.size());
      const int64_t in_source = first_copy_of(index, first_in_source);
      const int64_t first = places.try_emplace(in_source, place).first->second;
      first_.push_back(first);
      if (first != place) others_[first].push_back(place);
    }
  }

  bool is_copy(int64_t place) const { return first_copy_of(place, first_) != place; }

  // Calls take(place) for an image that is no copy and for each copy of it.
  template <typename Take>
  void for_each(int64_t place, const Take& take) const {
    take(place);
    const auto found = others_.find(place);
    if (found == others_.end()) return;
    for (const int64_t other : found->second) take(other);
  }

  std::vector<int64_t> take_first() { return std::move(first_); }

 private:
  std::vector<int64_t> first_;  // per image; empty if none is a copy
  std::unordered_map<int64_t, std::vector<int64_t>> others_;
};

}  // namespace ddpm
