#include "ddpm/base/names.h"

#include <gtest/gtest.h>

namespace ddpm {

namespace {

enum class Fruit { kApple, kPear };
constexpr std::array<Named<Fruit>, 2> kFruits = {
    {{Fruit::kApple, "apple"}, {Fruit::kPear, "pear"}}};

}  // namespace

TEST(Names, GoThereAndBack) {
  for (const auto& row : kFruits) {
    EXPECT_EQ(value_named(kFruits, "fruit", name_of(kFruits, row.value)), row.value);
  }
}

TEST(Names, AnUnknownOneIsAnErrorWithTheNearest) {
  try {
    value_named(kFruits, "fruit", "appel");
    FAIL() << "no error";
  } catch (const InvalidArgument& error) {
    EXPECT_STREQ(error.what(), "fruit: wanted apple or pear, got 'appel'; did you mean 'apple'?");
  }
}

TEST(Names, AValueWithoutANameIsOurOwnMistake) {
  EXPECT_THROW(name_of(kFruits, static_cast<Fruit>(7)), std::logic_error);
}

}  // namespace ddpm
