#include "ddpm/jobs/network_backend.h"

#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/engine/engine_network.h"
#include "ddpm/jobs/threads.h"
#include "ddpm/kernels/cpu_path.h"

namespace ddpm {

namespace {

// Whether the driver of a GPU that LibTorch could use has made its device.
bool may_have_gpu() {
  return std::filesystem::exists("/dev/nvidiactl") || std::filesystem::exists("/dev/kfd");
}

}  // namespace

std::string to_string(NetworkBackend backend) { return name_of(kNetworkBackends, backend); }

NetworkBackend choose_backend(const std::string& command, NetworkBackend asked,
                              const std::string& device, const TorchHooks& hooks) {
  const bool on_cpu = device == "cpu" || device == "auto";
  DDPM_CHECK(asked != NetworkBackend::kEngine || on_cpu, command,
             ": --executor engine runs on the CPU, wanted --device cpu or auto, got ", device);
  if (asked != NetworkBackend::kAuto) return asked;
  if (!on_cpu) return NetworkBackend::kLibTorch;
  if (device == "cpu" || !may_have_gpu()) return NetworkBackend::kEngine;
  if (!hooks.has_gpu) throw NeedsTorch();
  return hooks.has_gpu() ? NetworkBackend::kLibTorch : NetworkBackend::kEngine;
}

std::string device_kind(NetworkBackend backend, const std::string& device,
                        const TorchHooks& hooks) {
  if (backend == NetworkBackend::kEngine || device == "cpu") return "cpu";
  if (device != "auto") return "cuda";
  return hooks.has_gpu && hooks.has_gpu() ? "cuda" : "cpu";
}

NetworkPointer open_network(NetworkBackend backend, const std::filesystem::path& checkpoint,
                            const BackendOptions& options, const TorchHooks& hooks) {
  const auto open = [&] {
    if (backend == NetworkBackend::kEngine) {
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
