#include "base/bytes.h"

#include <gtest/gtest.h>

namespace boxlite {
namespace {

TEST(Printable, OfAnyBytes_IsOneLineOfAscii) {
  EXPECT_EQ(Printable("plain text ~"), "plain text ~");
  EXPECT_EQ(Printable("a\nb\x1b[1m\x7f\xc3\xa9"), "a?b?[1m???");
  EXPECT_EQ(Printable(std::string_view("\0x", 2)), "?x");
}

TEST(ToHex, OfBytes_HasTwoDigitsForEach) {
  Bytes bytes = {0x00, 0x0f, 0xa5, 0xff};
  EXPECT_EQ(ToHex(bytes), "000fa5ff");
  EXPECT_EQ(ToHex({}), "");
}

}  // namespace
}  // namespace boxlite
