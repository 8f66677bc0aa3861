// NumPy's .npz files: a zip archive, stored, of one array.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/streamed_file.h"
#include "ddpm/formats/npy.h"

namespace ddpm {

// Writes an archive piece by piece; numpy.load(file)[name] returns the array. Arrays from 4 GiB on
// take zip's 64-bit sizes. The same array gives the same bytes.
class NpzWriter {
 public:
  // `array` has dtype and shape; its bytes are not used. What `sink` throws, add and finish throw.
  NpzWriter(const std::string& name, const NpyArray& array, ByteSink sink);
  ~NpzWriter();
  NpzWriter(const NpzWriter&) = delete;
  NpzWriter& operator=(const NpzWriter&) = delete;

  void add(std::span<const std::byte> values);  // the array's next bytes, in C order
  void finish();                                // once all were added

 private:
  struct Zip;
  std::unique_ptr<Zip> zip_;
};

std::string encode_npz(const std::string& name, const NpyArray& array);

}  // namespace ddpm
