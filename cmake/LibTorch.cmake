# LibTorch::cpu, from the folder LIBTORCH_DIR: the `torch` folder of a PyPI wheel, or an unpacked LibTorch.
#
# The wheel's own TorchConfig.cmake wants a CUDA toolkit, which nothing here needs.

set(DDPM_LIBTORCH_VERSION 2.15.0)
set(LIBTORCH_DIR "${PROJECT_SOURCE_DIR}/third_party/libtorch/torch" CACHE PATH
    "LibTorch: a folder with include/ and lib/")

if(NOT EXISTS ${LIBTORCH_DIR}/include/ATen/ATen.h OR NOT EXISTS ${LIBTORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR
    "LibTorch: no include/ATen and lib/libtorch_cpu.so under ${LIBTORCH_DIR}; run ./quickstart.sh "
    "--build-only, or give -DLIBTORCH_DIR=, or build without it by -DDDPM_TORCH=OFF")
endif()

# The version stands in one of these, whichever way LibTorch was packed.
set(ddpm_torch_version "")
foreach(file include/torch/headeronly/version.h include/torch/csrc/api/include/torch/version.h)
  if(NOT ddpm_torch_version AND EXISTS ${LIBTORCH_DIR}/${file})
    file(STRINGS ${LIBTORCH_DIR}/${file} lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
    string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
    string(REPLACE ";" "." ddpm_torch_version "${numbers}")
  endif()
endforeach()
if(NOT ddpm_torch_version VERSION_EQUAL DDPM_LIBTORCH_VERSION)
  message(WARNING "LibTorch: wanted ${DDPM_LIBTORCH_VERSION}, with which all was tested, got "
                  "'${ddpm_torch_version}' in ${LIBTORCH_DIR}")
endif()

# What libtorch_cpu.so of the wheel is linked to lies beside it and in two small wheels of NVIDIA's.
set(ddpm_torch_folders ${LIBTORCH_DIR}/lib)
get_filename_component(beside ${LIBTORCH_DIR} DIRECTORY)
if(EXISTS ${beside}/nvidia/cu13/lib)
  list(APPEND ddpm_torch_folders ${beside}/nvidia/cu13/lib)
endif()
list(JOIN ddpm_torch_folders ":" ddpm_torch_path)

add_library(LibTorch::cpu INTERFACE IMPORTED GLOBAL)
target_include_directories(LibTorch::cpu SYSTEM INTERFACE
  ${LIBTORCH_DIR}/include ${LIBTORCH_DIR}/include/torch/csrc/api/include)
target_link_libraries(LibTorch::cpu INTERFACE
  ${LIBTORCH_DIR}/lib/libtorch_cpu.so ${LIBTORCH_DIR}/lib/libc10.so)
target_link_options(LibTorch::cpu INTERFACE -Wl,-rpath-link,${ddpm_torch_path})
# A build has the path of the installation: CMake would fill up one of its own with empty entries, which mean the
# folder one is in.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH $ORIGIN/../lib ${ddpm_torch_folders})

# A program that passes a std::string to LibTorch tells the C++ ABI and whether all libraries are there.
if(NOT DDPM_TORCH_CHECKED STREQUAL LIBTORCH_DIR)
  unset(DDPM_TORCH_LINKS CACHE)  # what was found out about another folder, or before it was mended
endif()
set(CMAKE_REQUIRED_LIBRARIES LibTorch::cpu)
set(CMAKE_REQUIRED_FLAGS -std=c++20)
check_cxx_source_compiles("
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
int main() {
  const c10::Error error(c10::SourceLocation{nullptr, nullptr, 0}, std::string());
  return static_cast<int>(error.msg().size());
}" DDPM_TORCH_LINKS)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT DDPM_TORCH_LINKS)
  message(FATAL_ERROR
    "LibTorch: a small program cannot be linked to ${LIBTORCH_DIR}; it has another C++ ABI (wanted the "
    "C++11 one) or misses a library beside it: CMakeFiles/CMakeError.log has the linker's words")
endif()
set(DDPM_TORCH_CHECKED ${LIBTORCH_DIR} CACHE INTERNAL "the LibTorch that a program was linked to")
