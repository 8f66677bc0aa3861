# The compiler's flags, and the tools that make a build quick: ccache and a fast linker where they exist.

find_program(DDPM_CCACHE ccache)
if(DDPM_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DDPM_CCACHE})
endif()

# mold first, then lld; a linker that the compiler cannot drive is passed over.
include(CheckCXXSourceCompiles)
foreach(linker mold lld)
  if(NOT DDPM_LINKER)
    set(CMAKE_REQUIRED_LINK_OPTIONS -fuse-ld=${linker})
    check_cxx_source_compiles("int main() { return 0; }" DDPM_HAS_${linker})
    unset(CMAKE_REQUIRED_LINK_OPTIONS)
    if(DDPM_HAS_${linker})
      set(DDPM_LINKER ${linker})
    endif()
  endif()
endforeach()

add_library(ddpm_flags INTERFACE)
target_compile_options(ddpm_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
  # a product and a sum are rounded each: the same bits whatever the compiler fuses elsewhere
  -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns wrongly about std::string (GCC bug 105651)
  target_compile_options(ddpm_flags INTERFACE -Wno-restrict)
endif()
if(DDPM_WERROR)
  target_compile_options(ddpm_flags INTERFACE -Werror)
endif()
if(DDPM_LINKER)
  target_link_options(ddpm_flags INTERFACE -fuse-ld=${DDPM_LINKER})
endif()
# What every test runs with; its children inherit it.
set(ddpm_test_environment "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tools/lsan.supp:print_suppressions=0")
if(DDPM_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns wrongly about std::function inside std::regex once it is instrumented
  target_compile_options(ddpm_flags INTERFACE -Wno-maybe-uninitialized)
endif()
if(DDPM_SANITIZE)
  target_compile_options(ddpm_flags INTERFACE
    -fsanitize=${DDPM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ddpm_flags INTERFACE -fsanitize=${DDPM_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND DDPM_SANITIZE MATCHES "address|thread")
    string(TOUPPER ${CMAKE_MATCH_0} sanitizer)
    target_compile_options(ddpm_flags INTERFACE -D__SANITIZE_${sanitizer}__=1)  # as g++ defines it
  endif()
endif()
