// NumPy's array files, .npy (format 1.0, 2.0 and 3.0). npz.h writes archives of them.

#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/input_file.h"

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

// What stands in front of a file's data.
struct NpyHeader {
  NpyArray array;          // without its bytes
  int64_t data_begin = 0;  // bytes into the file
};

// `front` has the first min(kMaxNpyFrontBytes, file_bytes) bytes of the file. Throws as decode_npy
// does.
inline constexpr int64_t kMaxNpyFrontBytes = 12 + (int64_t{1} << 16);
NpyHeader decode_npy_header(std::string_view front, int64_t file_bytes, const std::string& who);

// decode_npy of a file, or of a pipe, of which no more is read than its header and what that names.
// Throws IoError too, and FormatError for a file or an array of more than `max_bytes` bytes.
NpyArray read_npy(const std::filesystem::path& path, const std::string& who, int64_t max_bytes);

// An opened .npy file whose header was compared with the file's size; values are read when they are
// asked for.
class NpyFile {
 public:
  // Throws IoError; FormatError that starts with `who`.
  NpyFile(const std::filesystem::path& path, std::string who);

  const std::string& who() const { return who_; }
  const std::string& dtype() const { return header_.array.dtype; }
  const std::vector<int64_t>& shape() const { return header_.array.shape; }
  int64_t count() const { return header_.array.count(); }

  // The values first .. first + count - 1 in C order, as an array of one dimension. Throws IoError,
  // also if the file was changed meanwhile.
  NpyArray values(int64_t first, int64_t count) const;

 private:
  std::string who_;
  InputFile file_;
  NpyHeader header_;
};

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
