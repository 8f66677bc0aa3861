#include "ddpm/export/origin.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/format_version.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Origin : public testing::Test {
 protected:
  std::string error_of(const std::string& text) const {
    folder_.write(kOriginName, text);
    return complaint<FormatError>([&] { read_origin(folder_); });
  }

  const TemporaryFolder folder_;
  const ExportOrigin whole_{"raw", "bf16", std::string(64, 'a'), 3000, "0.1.0"};
};

TEST_F(Origin, WhatIsWrittenIsRead) {
  EXPECT_FALSE(read_origin(folder_).has_value());
  for (const ExportOrigin& origin :
       {whole_, ExportOrigin{"", "fp32", std::string(64, '0'), std::nullopt, ""}}) {
    folder_.write(kOriginName, json_text(origin_json(origin)));
    EXPECT_EQ(read_origin(folder_), origin);
  }
}

TEST_F(Origin, AFileThatIsNotOursIsRefusedByItsKey) {
  const std::vector<std::pair<std::string, Json>> wrong = {{"format", "other"},
                                                           {"version", 0},
                                                           {"weights", "both"},
                                                           {"weights", 1},
                                                           {"dtype", nullptr},
                                                           {"dtype", "F16"},
                                                           {"source_sha256", "abc"},
                                                           {"source_sha256", std::string(64, 'G')},
                                                           {"step", -1},
                                                           {"step", 0.5},
                                                           {"step", UINT64_MAX},
                                                           {"ddpm_version", 1},
                                                           {"more", 1}};
  for (const auto& [key, value] : wrong) {
    Json json = origin_json(whole_);
    json[key] = value;
    const std::string message = error_of(json_text(json));
    EXPECT_NE(message.find(kOriginName), std::string::npos) << key << ": '" << message << "'";
    EXPECT_NE(message.find(key), std::string::npos) << key << ": '" << message << "'";
  }
  const Json whole = origin_json(whole_);
  for (const auto& [key, value] : whole.items()) {
    Json json = whole;
    json.erase(key);
    EXPECT_NE(error_of(json_text(json)).find("no key '" + key + "'"), std::string::npos) << key;
  }
  EXPECT_NE(error_of("[]").find("wanted a JSON object"), std::string::npos);
  EXPECT_NE(error_of("{").find(kOriginName), std::string::npos);
}

TEST_F(Origin, AFileOfANewerVersionIsAnErrorOfItsOwn) {
  Json json = origin_json(whole_);
  json["version"] = 2;
  json["added_later"] = true;
  folder_.write(kOriginName, json_text(json));
  EXPECT_THROW(read_origin(folder_), NewerVersion);
}

}  // namespace
}  // namespace ddpm
