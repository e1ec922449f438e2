#include "base/result.h"

#include <gtest/gtest.h>

#include "base/sys.h"

namespace boxlite {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Error(Code::kInvalidArgument, "odd");
  return number / 2;
}

Result<int> Quarter(int number) {
  int half = BOXLITE_TRY(Half(number));
  return BOXLITE_TRY(Half(half));
}

TEST(Result, Try_ReturnsTheFirstError) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message(), "odd");
}

TEST(Error, Context_GoesBeforeTheMessageAndKeepsTheRest) {
  Error error = Error(Code::kNetwork, "refused", "start it").WithErrno(111).Context("pull x");
  EXPECT_EQ(error.message(), "pull x: refused");
  EXPECT_EQ(error.hint(), "start it");
  EXPECT_EQ(error.os_errno(), 111);
}

TEST(CodeFromNumber, NumbersNobodyKnows_AreInternal) {
  EXPECT_EQ(CodeFromNumber(26), Code::kBusy);
  for (int64_t number : {15, 19, 21, 27, -1}) EXPECT_EQ(CodeFromNumber(number), Code::kInternal);
}

TEST(Sys, OpenOfAMissingFile_NamesItAndIsNotFound) {
  auto fd = sys::Open("/no/such/file", O_RDONLY);
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.error().code(), Code::kNotFound);
  EXPECT_NE(fd.error().message().find("/no/such/file"), std::string::npos);
}

TEST(Sys, LockHeldByAnotherDescription_IsNotTaken) {
  char path[] = "/tmp/boxlite-lock-XXXXXX";
  UniqueFd first(::mkostemp(path, O_CLOEXEC));
  UniqueFd second = sys::Open(path, O_RDWR).TakeValue();
  EXPECT_TRUE(sys::LockExclusive(first.get(), sys::LockWait::kNo).value());
  EXPECT_FALSE(sys::LockExclusive(second.get(), sys::LockWait::kNo).value());
  ::unlink(path);
}

}  // namespace
}  // namespace boxlite
