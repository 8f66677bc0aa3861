// Which of the two executors runs a checkpoint's network, and how it is opened.
//
// The engine is a part of this program and runs on the CPU; LibTorch runs on every device that it
// has, and alone has gradients. `ddpm` has no LibTorch: what needs it goes on in `ddpm-torch`.

#pragma once

#include <filesystem>
#include <string>

#include "ddpm/jobs/torch_hooks.h"

namespace ddpm {

inline constexpr const char* kEngineName = "engine";

// Thrown by a command of a program without LibTorch before it has done anything: `ddpm-torch` has
// to do it all.
struct NeedsTorch {};

// "engine" or "libtorch". `options.executor` is one of these or "auto": the engine on the CPU,
// LibTorch on another device. With the device "auto" that is LibTorch's to say where a GPU is.
// Throws InvalidArgument for the engine on another device than the CPU; NeedsTorch.
std::string choose_executor(const std::string& command, const ExecutorOptions& options,
                            const TorchHooks& hooks);

// "cpu" or "cuda": where this executor runs the network. GPUs are not told apart.
std::string device_kind(const std::string& executor, const std::string& device,
                        const TorchHooks& hooks);

// Opens the network with the one of that name; with a label in the options all images have it.
// Throws NeedsTorch; what the executor throws.
NetworkPointer open_network(const std::string& executor, const std::filesystem::path& checkpoint,
                            const ExecutorOptions& options, const TorchHooks& hooks);

}  // namespace ddpm
