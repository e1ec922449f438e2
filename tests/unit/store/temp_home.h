// A home directory of its own for each test, gone at its end; and values to put there.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "base/sys.h"
#include "store/store.h"

namespace boxlite::store {

class TempHome : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(parent_), nullptr); }
  void TearDown() override {
    UniqueFd tmp = sys::Open("/tmp", O_RDONLY | O_DIRECTORY).TakeValue();
    EXPECT_TRUE(RemoveTree(tmp.get(), parent_ + 5).ok());
  }
  std::string path() const { return std::string(parent_) + "/home"; }
  std::unique_ptr<Store> Open() {
    Result<std::unique_ptr<Store>> store = Store::Open(path());
    EXPECT_TRUE(store.ok()) << store.error().message();
    return store.TakeValue();
  }

  char parent_[32] = "/tmp/boxlite-home-XXXXXX";
};

template <typename T>
std::string Explain(const Result<T>& result) {
  return result.ok() ? "" : result.error().message();
}

inline BoxRecord MakeBox(Store& store, const std::string& name) {
  BoxRecord box;
  box.id = store.NewId().TakeValue();
  box.name = name;
  box.image = "python:slim";
  return box;
}

inline std::string DigestOf(char digit) {
  return "sha256:" + std::string(64, digit);
}

// Runs `body` in a process of its own and gives its pid; the process ends with what `body` returns.
inline pid_t InProcess(const std::function<int()>& body) {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  return pid;
}

inline int ExitOf(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace boxlite::store
