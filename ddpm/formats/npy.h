// NumPy's array files, .npy (format 1.0, 2.0 and 3.0). npz.h writes archives of them.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

// An array in C order, little-endian. `dtype` is NumPy's: "<f4", "<f8", "<i4", "<i8", "|u1".
struct NpyArray {
  std::string dtype;
  std::vector<int64_t> shape;
  std::string bytes;

  // Values. Throws InvalidArgument if they are 2^63 or more.
  int64_t count() const;
};

// Throws FormatError that starts with `who` for anything else than one whole array of a dtype above
// in C order.
NpyArray decode_npy(std::string_view bytes, const std::string& who);

// The values, converted to the type asked for. FormatError if the dtype is of another kind: floats
// from
// "<f4", "<f8"; integers from "<i4", "<i8", "|u1".
std::vector<float> npy_floats(const NpyArray& array, const std::string& who);
std::vector<int64_t> npy_integers(const NpyArray& array, const std::string& who);

std::string encode_npy(const NpyArray& array);

// What stands in front of the data, and how many bytes those have: for whoever writes a file piece
// by piece. The array's own bytes are not used.
std::string npy_header(const NpyArray& array);
int64_t npy_data_bytes(const NpyArray& array);

}  // namespace ddpm
