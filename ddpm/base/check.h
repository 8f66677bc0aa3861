// The errors that this library throws, and the checks that throw them.
//
// Every error is one line that says who noticed it, what was wanted and what was found. A check
// stands at the border of the library, once; inside nothing is checked twice. Only a program's
// main() turns an error into an exit code: 2 for InvalidArgument, the caller's mistake, and 1 for
// every other Error.

#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace ddpm {

// The base of all errors of this library; what() is one line without a newline.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The caller asked for something that cannot be: an argument out of its range, an unknown name.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

// The operating system refused: a file is missing, a disk is full.
class IoError : public Error {
 public:
  using Error::Error;
};

// A file is not what its name or place promises: damaged, truncated, of another kind.
class FormatError : public Error {
 public:
  using Error::Error;
};

// A number became infinite or not a number where it has to be finite.
class NotFinite : public Error {
 public:
  using Error::Error;
};

// All arguments written one after the other, as operator<< writes them; bool as true and false.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  out << std::boolalpha;
  (out << ... << parts);
  return out.str();
}

}  // namespace ddpm

// Throws InvalidArgument with the concatenated message unless `condition` holds.
#define DDPM_CHECK(condition, ...)                                \
  do {                                                            \
    if (!(condition)) {                                           \
      throw ::ddpm::InvalidArgument(::ddpm::concat(__VA_ARGS__)); \
    }                                                             \
  } while (false)

// For our own mistakes, never for a user's: throws std::logic_error naming the place.
#define DDPM_ASSERT(condition)                                                          \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      throw std::logic_error(::ddpm::concat(__FILE__, ":", __LINE__, ": " #condition)); \
    }                                                                                   \
  } while (false)
