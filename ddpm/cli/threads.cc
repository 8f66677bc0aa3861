#include "ddpm/cli/threads.h"

#include "ddpm/base/cores.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/jobs/threads.h"

namespace ddpm {

void warn_of_too_many_threads(const std::string& command, int64_t asked) {
  warn(TerminalWatch(),
       too_many_threads_line(command, NetworkBackend::kLibTorch, asked, usable_cores()));
}

}  // namespace ddpm
