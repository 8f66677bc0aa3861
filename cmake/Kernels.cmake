# The kernels' paths: each path_*.cc is compiled for its instructions, and optimised in every build type, so that
# none of its functions is left for the linker to mix up with another path's, and tests of it are quick.

set(ddpm_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns wrongly about its own intrinsics that begin with an undefined vector (GCC bug 105593)
  list(APPEND ddpm_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
endif()

# Undefined behaviour of what the paths share is looked for in the portable one: beside the intrinsics that check
# takes four times as long to compile, and as long to run.
if(DDPM_SANITIZE MATCHES "undefined")
  list(APPEND ddpm_vector_path -fno-sanitize=undefined)
endif()

function(ddpm_kernel_path folder name)
  set_source_files_properties(${folder}/path_${name}.cc PROPERTIES COMPILE_OPTIONS "-O3;${ARGN}")
endfunction()

function(ddpm_kernel_paths folder target)
  ddpm_kernel_path(${folder} portable)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    ddpm_kernel_path(${folder} avx2 ${ddpm_vector_path} -mavx2 -mfma)
    ddpm_kernel_path(${folder} avx512 ${ddpm_vector_path} ${ddpm_avx512})
    ddpm_kernel_path(${folder} avx512_bf16 ${ddpm_vector_path} ${ddpm_avx512} -mavx512bf16)
    target_compile_definitions(${target} PRIVATE DDPM_KERNELS_X86)
  else()
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources EXCLUDE REGEX "/path_avx")
    set_target_properties(${target} PROPERTIES SOURCES "${sources}")
  endif()
endfunction()
