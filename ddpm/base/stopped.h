// The end of work that its caller asked to stop.

#pragma once

#include <exception>

namespace ddpm {

// Thrown where work that can be given up at any time is given up after a stop. It is no error: what
// was complete before stays, and nothing is left half-written.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped"; }
};

}  // namespace ddpm
