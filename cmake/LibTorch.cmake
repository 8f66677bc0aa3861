# Makes LibTorch::cpu from -DLIBTORCH_DIR=, a folder with include/ and lib/.
set(LIBTORCH_DIR "${PROJECT_SOURCE_DIR}/third_party/libtorch/torch" CACHE PATH "LibTorch: a folder with include/ and lib/")
add_library(LibTorch::cpu INTERFACE IMPORTED)
target_include_directories(LibTorch::cpu SYSTEM INTERFACE ${LIBTORCH_DIR}/include ${LIBTORCH_DIR}/include/torch/csrc/api/include)
target_link_libraries(LibTorch::cpu INTERFACE ${LIBTORCH_DIR}/lib/libtorch_cpu.so ${LIBTORCH_DIR}/lib/libc10.so)
set(CMAKE_BUILD_RPATH ${LIBTORCH_DIR}/lib ${LIBTORCH_DIR}/../nvidia/cu13/lib)
target_link_options(LibTorch::cpu INTERFACE -Wl,-rpath-link,${LIBTORCH_DIR}/lib:${LIBTORCH_DIR}/../nvidia/cu13/lib)
