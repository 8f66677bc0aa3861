#include "ddpm/cli/version.h"

#include "ddpm/base/check.h"
#include "ddpm/base/version.h"

namespace ddpm {

std::string version_text(bool with_torch) {
#ifdef NDEBUG
  const char* build = "release";
#else
  const char* build = "debug";
#endif
#ifdef __clang__
  const std::string compiler = concat("clang ", __clang_major__, ".", __clang_minor__);
#else
  const std::string compiler = concat("g++ ", __GNUC__, ".", __GNUC_MINOR__);
#endif
  return concat("ddpm ", kVersion, " (", build, " build, ", compiler,
                with_torch ? ", with LibTorch)" : ", without LibTorch)");
}

}  // namespace ddpm
