#include "ddpm/base/format_version.h"

#include <nlohmann/json.hpp>

namespace ddpm {

void check_format_version(const Json& got, int64_t expected, const std::string& who) {
  if (got == expected) return;
  const bool newer = got.is_number_unsigned()
                         ? got.get<uint64_t>() > static_cast<uint64_t>(expected)
                         : got.is_number_integer() && got.get<int64_t>() > expected;
  if (newer) {
    throw NewerVersion(concat(who, ": written by a newer version of ddpm; expected version ",
                              expected, ", got ", json_shown(got)));
  }
  throw FormatError(concat(who, ": expected version ", expected, ", got ", json_shown(got)));
}

}  // namespace ddpm
