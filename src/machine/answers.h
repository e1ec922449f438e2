// Answers to requests that are decided at once: they still come on the loop, and not inside the
// request. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "machine/machine.h"

namespace boxlite::machine {

// `what` is "saving" or the like.
inline Error Unsupported(const std::string& what, const std::string& engine) {
  return Error(Code::kUnsupported,
               what + " a machine is not supported by the " + engine + " engine yet");
}

class Answers {
 public:
  // `loop` outlives the object; what has not been answered when it goes is never answered.
  explicit Answers(loop::Loop& loop) : loop_(loop) {}

  void Later(Completion done, Result<void> how) {
    auto fire = [done = std::move(done), how = std::move(how)] { done(how); };
    std::erase_if(waiting_, [](const auto& answer) { return !answer->active(); });
    waiting_.push_back(std::make_unique<loop::Timer>(loop_, std::move(fire)));
    waiting_.back()->Start(0);
  }

 private:
  loop::Loop& loop_;
  std::vector<std::unique_ptr<loop::Timer>> waiting_;
};

}  // namespace boxlite::machine
