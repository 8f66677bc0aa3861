// Every kept hostile file is refused with one line by the reader of its format, and every whole one
// is read.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "ddpm/base/file.h"
#include "ddpm/formats/bmp.h"
#include "ddpm/formats/cifar.h"
#include "ddpm/formats/gif.h"
#include "ddpm/formats/jpeg.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "ddpm/formats/tiff.h"
#include "ddpm/formats/webp.h"
#include "ddpm/testing/hostile_files.h"

namespace ddpm {
namespace {

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
  };
  return all;
}

TEST(HostileFiles, AreEachRefusedWithOneLineAndWholeOnesAreRead) {
  for (const auto& [format, read] : readers()) expect_hostile_files_refused(format, read);
}

}  // namespace
}  // namespace ddpm
