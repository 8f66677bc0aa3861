# The libraries that are packages of the distribution, one list a layer: ddpm_external_<layer>.
# docs/dependencies.md says what each is for.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(LibArchive REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(EXIF REQUIRED IMPORTED_TARGET libexif)
pkg_check_modules(CAIRO REQUIRED IMPORTED_TARGET cairo)
find_path(RANDOM123_INCLUDE Random123/philox.h REQUIRED)
find_path(PROTOZERO_INCLUDE protozero/pbf_builder.hpp REQUIRED)

set(ddpm_external_base OpenSSL::Crypto nlohmann_json::nlohmann_json)
set(ddpm_external_formats PNG::PNG JPEG::JPEG LibArchive::LibArchive ZLIB::ZLIB PkgConfig::EXIF)
set(ddpm_external_report PkgConfig::CAIRO)
set(ddpm_external_data Threads::Threads)
set(ddpm_external_engine Threads::Threads)
set(ddpm_external_terminal CLI11::CLI11)
set(ddpm_external_tensor LibTorch::cpu)

if(DDPM_TESTS)
  find_package(GTest REQUIRED)
endif()
