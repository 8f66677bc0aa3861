# DDPM_QUICK_BUILD: precompiled headers for the tests and for what includes LibTorch, under a sanitizer for all but the
# kernels; tests at -O1 (-O0 under a sanitizer). A build of everything takes about half the processor time.
#
# What is installed keeps its flags; only headers of the system and of LibTorch are precompiled. Since they hide a missing
# #include, the option is off by default, and so in the preset `dev`; test.sh, quickstart.sh and the presets of the sanitizers
# turn it on.

option(DDPM_QUICK_BUILD "Precompiled headers, tests at -O1: for building everything at once" OFF)

# What compiles with a precompiled header.
add_library(ddpm_pch_flags INTERFACE)
if(DDPM_QUICK_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns wrongly of what its optimiser sees in std::string at -O1, and in precompiled headers (GCC bug 105651)
  target_compile_options(ddpm_pch_flags INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-dangling-pointer -Wno-free-nonheap-object -Wno-maybe-uninitialized -Wno-use-after-free)
  if(DDPM_CCACHE)
    target_compile_options(ddpm_pch_flags INTERFACE -fpch-preprocess)
  endif()
endif()
if(DDPM_QUICK_BUILD AND DDPM_CCACHE)
  # ccache takes part only if it may compare precompiled headers by their contents
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1 ${DDPM_CCACHE})
endif()

# Flags of the tests alone, after those of the build type.
add_library(ddpm_test_flags INTERFACE)
if(DDPM_SANITIZE MATCHES "fuzzer-no-link")
  # a fuzzer is guided by the code that it tests, not by the unit tests
  target_compile_options(ddpm_test_flags INTERFACE -fno-sanitize=fuzzer-no-link)
endif()
if(DDPM_QUICK_BUILD AND DDPM_SANITIZE)
  target_compile_options(ddpm_test_flags INTERFACE -O0)
elseif(DDPM_QUICK_BUILD)
  target_compile_options(ddpm_test_flags INTERFACE -O1)
endif()
target_compile_definitions(ddpm_test_flags INTERFACE
  DDPM_SOURCE_DIR="${PROJECT_SOURCE_DIR}" DDPM_BUILD_DIR="${CMAKE_BINARY_DIR}")

# ddpm_add_precompiled(NAME LIBRARIES HEADERS): a target that only holds precompiled headers, for others to use.
function(ddpm_add_precompiled name libraries headers)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cc CONTENT "// no code: the target is its precompiled headers\n")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE ddpm_flags ddpm_pch_flags ${libraries} nlohmann_json::nlohmann_json)
  target_precompile_headers(${name} PRIVATE ${headers}
    <algorithm> <array> <chrono> <cmath> <cstdint> <filesystem> <functional> <limits> <map> <memory> <optional>
    <set> <span> <sstream> <string> <utility> <variant> <vector> <nlohmann/json.hpp>)
endfunction()

if(DDPM_QUICK_BUILD AND DDPM_SANITIZE)
  ddpm_add_precompiled(ddpm_pch "" "")
  ddpm_add_precompiled(ddpm_pch_light "" "")
  target_compile_options(ddpm_pch_light PRIVATE -O0)
endif()
set(ddpm_torch_headers <ATen/Functions.h> <ATen/Parallel.h> <ATen/TensorOperators.h> <ATen/core/grad_mode.h>)
if(DDPM_QUICK_BUILD AND DDPM_TORCH)
  ddpm_add_precompiled(ddpm_pch_torch LibTorch::cpu "${ddpm_torch_headers}")
endif()
if(DDPM_QUICK_BUILD AND DDPM_TESTS)
  ddpm_add_precompiled(ddpm_pch_tests "ddpm_test_flags;GTest::gtest" "<gtest/gtest.h>")
  if(DDPM_TORCH)
    ddpm_add_precompiled(ddpm_pch_torch_tests "ddpm_test_flags;GTest::gtest;LibTorch::cpu"
      "<gtest/gtest.h>;${ddpm_torch_headers}")
  endif()
endif()

# ddpm_precompiled(TARGET NAME): TARGET uses the precompiled headers of the target NAME, whose flags are its own.
function(ddpm_precompiled target name)
  if(DDPM_QUICK_BUILD)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:ddpm_pch_flags>)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

# Of the folders that compute nothing large, a sanitizer's build at -O0 takes 0.6 of the time of -O1.
set(ddpm_light_layers plot runlog config diffusers checkpoints training onnx export convert jobs terminal cli)

# ddpm_precompiled_layer(LAYER): the same for a layer without LibTorch, under a sanitizer only, which is clang's: with
# g++ 12 the warnings that its precompiled headers need off would be off for what is installed too. It takes 0.8 of the
# time. Each file of the kernels has flags of its own.
function(ddpm_precompiled_layer layer)
  if(NOT DDPM_QUICK_BUILD OR NOT DDPM_SANITIZE OR layer STREQUAL "kernels")
    return()
  elseif(layer IN_LIST ddpm_light_layers)
    target_compile_options(ddpm_${layer} PRIVATE -O0)
    ddpm_precompiled(ddpm_${layer} ddpm_pch_light)
  else()
    ddpm_precompiled(ddpm_${layer} ddpm_pch)
  endif()
endfunction()
