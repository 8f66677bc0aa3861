// The hostile files of config.json are refused.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "ddpm/base/json.h"
#include "ddpm/testing/hostile_files.h"
#include "ddpm/unet/config.h"

namespace ddpm {
namespace {

TEST(HostileUNetConfigs, AreEachRefusedWithOneLineAndWholeOnesAreRead) {
  expect_hostile_files_refused("unet_config", [](const std::string& bytes) {
    unet_config_from_json(parse_json(bytes, "file"), "file");
  });
}

}  // namespace
}  // namespace ddpm
