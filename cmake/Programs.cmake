# The two programs: `ddpm`, free of LibTorch, and `ddpm-torch` beside it.

if(EXISTS ${PROJECT_SOURCE_DIR}/ddpm/cli/main.cc)
  add_executable(ddpm ddpm/cli/main.cc)
  target_link_libraries(ddpm PRIVATE ddpm_cli ddpm_flags)
  set_target_properties(ddpm PROPERTIES INSTALL_RPATH "")  # it needs none of LibTorch's folders
endif()
if(DDPM_TORCH AND EXISTS ${PROJECT_SOURCE_DIR}/ddpm/cli_torch/main.cc)
  add_executable(ddpm-torch ddpm/cli_torch/main.cc)
  target_link_libraries(ddpm-torch PRIVATE ddpm_cli_torch ddpm_flags)
endif()
if(DDPM_TORCH_PROGRAM AND NOT DDPM_TORCH)
  file(CREATE_LINK ${DDPM_TORCH_PROGRAM} ${CMAKE_BINARY_DIR}/ddpm-torch SYMBOLIC)
endif()
if(DDPM_TESTS AND TARGET ddpm AND (TARGET ddpm-torch OR DDPM_TORCH_PROGRAM) AND EXISTS ${PROJECT_SOURCE_DIR}/tests/end_to_end/CMakeLists.txt)
  add_subdirectory(tests/end_to_end)
endif()
