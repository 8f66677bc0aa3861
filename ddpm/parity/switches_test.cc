#include "ddpm/parity/switches.h"

#include <gtest/gtest.h>

#include <set>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

TEST(ParitySwitches, EveryRowHasANameAndTwoWordsOfItsOwn) {
  std::set<std::string_view> names;
  for (const ParitySwitchRow& row : parity_switches()) {
    EXPECT_EQ(&row_of(row.value), &row);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_NE(row.ours, row.theirs) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
  }
}

TEST(ParitySwitches, OneIsOnWithoutTheOthers) {
  for (const ParitySwitchRow& row : parity_switches()) {
    ParitySwitches switches;
    switches.set(row.value, true);
    for (const ParitySwitchRow& other : parity_switches()) {
      EXPECT_EQ(switches.has(other.value), other.value == row.value);
    }
    EXPECT_EQ(switches, ParitySwitches{row.value});
    switches.set(row.value, false);
    EXPECT_EQ(switches, ParitySwitches{});
  }
}

TEST(ParitySwitches, AProgramIsItsSetOfSwitches) {
  EXPECT_EQ(parity_of("none"), ParitySwitches{});
  EXPECT_TRUE(parity_of("diffusers").has(ParitySwitch::kNextTime));
  EXPECT_FALSE(parity_of("diffusers").has(ParitySwitch::kRounding));
  EXPECT_EQ(parity_of("official-tf"), parity_of("improved-diffusion"));
  EXPECT_TRUE(parity_of("official-tf").has(ParitySwitch::kRounding));
  for (const std::string& name : parity_names()) EXPECT_NO_THROW(parity_of(name));
  EXPECT_THROW(parity_of("difusers"), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
