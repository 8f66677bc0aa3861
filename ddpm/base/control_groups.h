// The limits that Linux control groups, versions 1 and 2, set to this process: containers have
// them.
//
// A limit of any group from the process's own up to the mounted one holds for all below it, so the
// smallest counts. `root` is the folder in which proc/ and sys/ lie. What is missing, malformed or
// unlimited sets no limit.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace ddpm {

// CPU time per time, in cores: cpu.max, or cpu.cfs_quota_us over cpu.cfs_period_us. Greater than 0.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

// Bytes that may still be allocated: memory.max less memory.current, or memory.limit_in_bytes less
// memory.usage_in_bytes, where file pages that the kernel can drop do not count as used. At least
// 0.
std::optional<int64_t> memory_room(const std::filesystem::path& root = "/");

}  // namespace ddpm
