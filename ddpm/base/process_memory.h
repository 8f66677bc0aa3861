// The memory that this process occupies, in bytes.

#pragma once

#include <cstdint>

namespace ddpm {

int64_t resident_bytes();     // of this process now
int64_t peak_memory_bytes();  // the most it was since the start or the last reset
void reset_peak_memory();     // where the kernel allows it

}  // namespace ddpm
