// Every kept hostile file is refused with one line by the reader of its format, and every whole one
// is read. The scripts tests/hostile/formats/make_*.py show which rule each file breaks.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/formats/bmp.h"
#include "ddpm/formats/cifar.h"
#include "ddpm/formats/gif.h"
#include "ddpm/formats/jpeg.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "ddpm/formats/tiff.h"
#include "ddpm/formats/unet_config.h"
#include "ddpm/formats/webp.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Reader = std::function<void(const std::string& bytes)>;

const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> all = {
      {"png", [](const std::string& bytes) { decode_png(as_bytes(bytes), "file"); }},
      {"jpeg", [](const std::string& bytes) { decode_jpeg(as_bytes(bytes), "file"); }},
      {"bmp", [](const std::string& bytes) { decode_bmp(as_bytes(bytes), "file"); }},
      {"gif", [](const std::string& bytes) { decode_gif(as_bytes(bytes), "file"); }},
      {"tiff", [](const std::string& bytes) { decode_tiff(as_bytes(bytes), "file"); }},
      {"webp", [](const std::string& bytes) { decode_webp(as_bytes(bytes), "file"); }},
      {"npy", [](const std::string& bytes) { decode_npy(bytes, "file"); }},
      {"cifar", [](const std::string& bytes) { decode_cifar10(as_bytes(bytes), "file"); }},
      {"unet_config",
       [](const std::string& bytes) { unet_config_from_json(parse_json(bytes, "file"), "file"); }},
  };
  return all;
}

TEST(HostileFiles, AreEachRefusedWithOneLineAndWholeOnesAreRead) {
  for (const auto& [format, read] : readers()) {
    int whole = 0;
    int hostile = 0;
    for (const auto& file :
         fs::directory_iterator(fs::path(DDPM_SOURCE_DIR) / "tests/hostile/formats" / format)) {
      SCOPED_TRACE(file.path().string());
      const std::string bytes = read_file(file.path(), 1 << 20);
      const bool is_whole = file.path().filename().string().rfind("whole", 0) == 0;
      ++(is_whole ? whole : hostile);
      try {
        read(bytes);
        EXPECT_TRUE(is_whole) << "was read";
      } catch (const FormatError& error) {
        EXPECT_FALSE(is_whole) << error.what();
        EXPECT_EQ(std::string(error.what()).rfind("file: ", 0), 0U) << error.what();
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      }
    }
    EXPECT_GE(whole, 1) << format;
    EXPECT_GE(hostile, 3) << format;
  }
}

}  // namespace
}  // namespace ddpm
