#include "base/disk_full.h"

#include <gtest/gtest.h>

#include "base/sys.h"

namespace boxlite {
namespace {

Error FromErrno(int number) {
  return Error::FromErrno(sys::CodeFromErrno(number), "write blob", number);
}

TEST(WithRoomHint, OfWhatFindsNoRoom_SaysWhatToDo) {
  for (int number : {ENOSPC, EDQUOT, EFBIG}) {
    Error error = WithHomeRoomHint(FromErrno(number));
    EXPECT_EQ(error.code(), Code::kResourceExhausted) << number;
    EXPECT_NE(error.hint().find("make room"), std::string::npos) << number;
  }
}

TEST(WithRoomHint, OfAnythingElse_IsLeftAlone) {
  EXPECT_EQ(WithHomeRoomHint(FromErrno(EIO)).hint(), "");
  Error said = FromErrno(ENOSPC).WithHint("the caller's own");
  EXPECT_EQ(WithHomeRoomHint(said).hint(), "the caller's own");
}

}  // namespace
}  // namespace boxlite
