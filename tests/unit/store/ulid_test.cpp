#include "store/ulid.h"

#include <gtest/gtest.h>

#include <set>

namespace boxlite::store {
namespace {

TEST(Ulid, Next_InOneMillisecond_RisesAlways) {
  UlidGenerator generator;
  std::string last;
  for (int i = 0; i < 10000; ++i) {
    std::string next = generator.Next(1000).TakeValue();
    ASSERT_LT(last, next);
    last = next;
  }
}

TEST(Ulid, Next_WhenTheClockStepsBack_RisesStill) {
  UlidGenerator generator;
  std::string before = generator.Next(5000).TakeValue();
  EXPECT_LT(before, generator.Next(1).TakeValue());
}

TEST(Ulid, Next_AtAKnownTime_BeginsWithThatTime) {
  UlidGenerator generator;
  // The time of the example in the ULID specification.
  EXPECT_EQ(generator.Next(1469922850259).TakeValue().substr(0, 10), "01ARZ3NDEK");
}

TEST(Ulid, Next_OfTwoGenerators_Differs) {
  UlidGenerator a, b;
  EXPECT_NE(a.Next(7).TakeValue(), b.Next(7).TakeValue());
}

TEST(Ulid, IsUlid_OfWhatIsNone_IsFalse) {
  EXPECT_TRUE(IsUlid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
  EXPECT_FALSE(IsUlid("01arz3ndektsv4rrffq69g5fav"));
  EXPECT_FALSE(IsUlid("81ARZ3NDEKTSV4RRFFQ69G5FAV"));
  EXPECT_FALSE(IsUlid("01ARZ3NDEKTSV4RRFFQ69G5FA"));
  EXPECT_FALSE(IsUlid("../../../../../../../../etc"));
}

TEST(Ulid, CanonicalUlidPrefix_OfLowerCase_IsUpperCase) {
  EXPECT_EQ(CanonicalUlidPrefix("01ar"), "01AR");
  EXPECT_EQ(CanonicalUlidPrefix("01a*"), "");
  EXPECT_EQ(CanonicalUlidPrefix("il"), "");
  EXPECT_EQ(CanonicalUlidPrefix(""), "");
}

}  // namespace
}  // namespace boxlite::store
