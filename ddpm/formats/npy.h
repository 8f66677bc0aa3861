// NumPy's array files: .npy (format 1.0, 2.0 and 3.0) and uncompressed .npz.

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

  int64_t count() const;  // values
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

// A .npz (a zip, stored) that holds one array; numpy.load(file)[name] gives it back.
std::string encode_npz(const std::string& name, const NpyArray& array);

}  // namespace ddpm
