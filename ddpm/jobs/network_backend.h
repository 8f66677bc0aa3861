// Which of the two backends runs a checkpoint's network, and how it is opened.
//
// The engine is a part of this program and runs on the CPU; LibTorch runs on every device that it
// has, and alone has gradients. `ddpm` has no LibTorch: what needs it goes on in `ddpm-torch`.

#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "ddpm/base/names.h"
#include "ddpm/jobs/torch_hooks.h"

namespace ddpm {

enum class NetworkBackend {
  kAuto,  // as choose_backend selects
  kEngine,
  kLibTorch,
};

inline constexpr std::array<Named<NetworkBackend>, 3> kNetworkBackends = {{
    {NetworkBackend::kAuto, "auto"},
    {NetworkBackend::kEngine, "engine"},
    {NetworkBackend::kLibTorch, "libtorch"},
}};

std::string to_string(NetworkBackend backend);

// Thrown by a job before it has done anything if it needs a hook of LibTorch that is empty: a
// program that has LibTorch has to do it all.
struct NeedsTorch {};

// kEngine or kLibTorch. For kAuto: the engine on the CPU, LibTorch on another device; with the
// device "auto" LibTorch decides whether there is a GPU. Throws InvalidArgument that starts with
// `command` for the engine on another device than the CPU; NeedsTorch.
NetworkBackend choose_backend(const std::string& command, NetworkBackend asked,
                              const std::string& device, const TorchHooks& hooks);

// "cpu" or "cuda": where this backend runs the network. GPUs are not distinguished.
std::string device_kind(NetworkBackend backend, const std::string& device, const TorchHooks& hooks);

// Opens the network with `backend`, which is not kAuto; with a label in the options all images have
// it. Throws NeedsTorch; what the backend throws.
NetworkPointer open_network(NetworkBackend backend, const std::filesystem::path& checkpoint,
                            const BackendOptions& options, const TorchHooks& hooks);

}  // namespace ddpm
