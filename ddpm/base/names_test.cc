#include "ddpm/base/names.h"

#include <gtest/gtest.h>

#include "ddpm/testing/complaint.h"

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
  EXPECT_EQ(complaint<InvalidArgument>([&] { value_named(kFruits, "fruit", "appel"); }),
            "fruit: wanted apple or pear, got 'appel'; did you mean 'apple'?");
}

TEST(Names, AValueWithoutANameIsOurOwnMistake) {
  EXPECT_THROW(name_of(kFruits, static_cast<Fruit>(7)), std::logic_error);
}

}  // namespace ddpm
