#include "ddpm/cli_torch/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <mutex>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/text.h"
#include "ddpm/base/thread_signals.h"
#include "ddpm/jobs/threads.h"

namespace ddpm {

namespace {

// LibTorch's CUDA back end registers itself when its library is loaded.
bool load_cuda() { return ::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr; }

int64_t gpu_count() {
  if (!load_cuda() || !at::globalContext().hasCUDA()) return 0;
  return static_cast<int64_t>(at::detail::getCUDAHooks().deviceCount());
}

}  // namespace

at::Device open_device(const std::string& who, const std::string& name) {
  if (name == "cpu") return at::kCPU;
  if (name == "auto") return gpu_count() > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  const bool numbered = name.rfind("cuda:", 0) == 0;
  const auto number = numbered ? parse_int(name.substr(5)) : 0;
  DDPM_CHECK((name == "cuda" || numbered) && number && *number >= 0 && *number < 128, who,
             ": --device must be auto, cpu, cuda or cuda:N, got '", name, "'");
  const int64_t gpus = gpu_count();
  DDPM_CHECK(*number < gpus, who, ": --device ", name, ": this LibTorch sees ", gpus,
             gpus == 1 ? " GPU" : " GPUs");
  return {at::kCUDA, static_cast<c10::DeviceIndex>(*number)};
}

int64_t set_threads(int64_t threads) {
  const int64_t number = libtorch_threads(threads, usable_cores());
  at::set_num_threads(static_cast<int>(number));
  // those of another pool, for graphs that run side by side, of which there are none here; LibTorch
  // takes the number once
  static std::once_flag once;
  std::call_once(once, [] { at::set_num_interop_threads(1); });
  const BlockedSignals blocked;  // in LibTorch's threads, which the first parallel loop starts
  at::parallel_for(0, number, 1, [](int64_t, int64_t) {});
  return number;
}

}  // namespace ddpm
