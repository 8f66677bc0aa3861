// What this process and this machine have of memory, in bytes, as Linux tells it.

#pragma once

#include <cstdint>

namespace ddpm {

int64_t resident_bytes();          // of this process now
int64_t peak_memory_bytes();       // the most it was since the start or the last reset
void reset_peak_memory();          // where the kernel allows it
int64_t available_memory_bytes();  // free or easily freed, within the limit of a control group

}  // namespace ddpm
