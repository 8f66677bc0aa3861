// The version numbers of this project's own file formats.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"

namespace ddpm {

// A file of a newer version of this program: whole, but not for this one to read. No FormatError,
// because what is damaged may be replaced and this may not.
class NewerVersion : public Error {
 public:
  using Error::Error;
};

// Throws NewerVersion that starts with `who` if `got` is a whole number above `expected`: such a
// file is not damaged, and must be neither replaced nor removed. Throws FormatError for everything
// else but `expected`.
void check_format_version(const Json& got, int64_t expected, const std::string& who);

}  // namespace ddpm
