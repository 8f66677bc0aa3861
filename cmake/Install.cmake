# The installed library: find_package(ddpm) gives ddpm::base, ddpm::diffusion, .., one target a layer.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Installed are the layers that need no LibTorch; the loop of training is one of them, LibTorch's learner is not.
set(ddpm_installed "")
foreach(layer IN LISTS ddpm_layers)
  if(NOT layer IN_LIST ddpm_torch_layers AND NOT layer MATCHES "^(terminal|cli)$")
    list(APPEND ddpm_installed ddpm_${layer})
    file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ddpm/${layer}/*.h)
    list(FILTER headers EXCLUDE REGEX "_internal\\.h$")
    install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ddpm/${layer})
  endif()
endforeach()

install(TARGETS ${ddpm_installed} EXPORT ddpm ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT ddpm NAMESPACE ddpm:: FILE ddpmTargets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ddpm)
configure_package_config_file(cmake/ddpmConfig.cmake.in ${CMAKE_BINARY_DIR}/ddpmConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ddpm)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/ddpmConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/ddpmConfig.cmake ${CMAKE_BINARY_DIR}/ddpmConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ddpm)

# the license goes where binaries and headers go
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

foreach(program ddpm ddpm-torch)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
