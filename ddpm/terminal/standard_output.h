// Standard output as something that can fail: a full disk, a reader that has gone, no output at
// all.

#pragma once

#include <memory>
#include <streambuf>

namespace ddpm {

// To be called first in main(). Opens descriptors 0 to 2 on /dev/null where the process was started
// without them, or the next file that is opened would get their numbers and the program's text;
// writing to such an output fails nevertheless. From here on a write to a pipe without a reader, or
// beyond a limit of the file's size, is an error and no deadly signal.
void prepare_standard_streams();

// Takes std::cout over while it lives. What cannot be written is dropped, and the first reason is
// kept; a stop is heard while a reader makes us wait.
class StandardOutput {
 public:
  StandardOutput();
  ~StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

 private:
  std::unique_ptr<std::streambuf> ours_;
  std::streambuf* before_;
};

// The errno of the first write to standard output that failed, or EPIPE if
// standard_output_is_gone() was true; otherwise 0. It does not try what std::cout has in its
// buffer.
int standard_output_error();

// Whether there is an error, or nobody reads the pipe or the terminal any more.
bool standard_output_is_gone();

}  // namespace ddpm
