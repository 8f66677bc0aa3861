#include "ddpm/jobs/executor.h"

#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/engine/engine_network.h"
#include "ddpm/jobs/threads.h"
#include "ddpm/kernels/cpu_path.h"

namespace ddpm {

namespace {

constexpr const char* kLibTorch = "libtorch";

// Whether the driver of a GPU that LibTorch could use has made its device.
bool may_have_gpu() {
  return std::filesystem::exists("/dev/nvidiactl") || std::filesystem::exists("/dev/kfd");
}

}  // namespace

std::string choose_executor(const std::string& command, const ExecutorOptions& options,
                            const TorchHooks& hooks) {
  const bool on_cpu = options.device == "cpu" || options.device == "auto";
  DDPM_CHECK(options.executor != kEngineName || on_cpu, command,
             ": --executor engine runs on the CPU, wanted --device cpu or auto, got ",
             options.device);
  if (options.executor != "auto") return options.executor;
  if (!on_cpu) return kLibTorch;
  if (options.device == "cpu" || !may_have_gpu()) return kEngineName;
  if (!hooks.has_gpu) throw NeedsTorch();
  return hooks.has_gpu() ? kLibTorch : kEngineName;
}

std::string device_kind(const std::string& executor, const std::string& device,
                        const TorchHooks& hooks) {
  if (executor == kEngineName || device == "cpu") return "cpu";
  if (device != "auto") return "cuda";
  return hooks.has_gpu && hooks.has_gpu() ? "cuda" : "cpu";
}

NetworkPointer open_network(const std::string& executor, const std::filesystem::path& checkpoint,
                            const ExecutorOptions& options, const TorchHooks& hooks) {
  const auto open = [&] {
    if (executor == kEngineName) {
      return open_engine_network(checkpoint,
                                 {.weights = options.weights,
                                  .precision = options.precision,
                                  .threads = engine_threads(options.threads, usable_cores()),
                                  .path = choose_cpu_path()});
    }
    if (!hooks.open_network) throw NeedsTorch();
    return hooks.open_network(checkpoint, options);
  };
  NetworkPointer network = open();
  return options.label == kNoLabel ? network : with_label(std::move(network), options.label);
}

}  // namespace ddpm
