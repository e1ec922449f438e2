// SignalTask: one signal to a box's main execution, for a call of the API.
//
// Thread rule: the loop's thread, but for construction.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "box/completion.h"
#include "box/live_box.h"
#include "client/request.h"

namespace boxlite::box {

class SignalTask : public BoxTask, public std::enable_shared_from_this<SignalTask> {
 public:
  SignalTask(uint8_t number, CompletionPtr<void> completion)
      : number_(number), completion_(std::move(completion)) {}
  void OnRunning(LiveBox& box) override;
  void OnNotRunning(const Error& why) override { Finish(why); }
  void Abandon() override { Finish(Error(Code::kCancelled, "the runtime has ended")); }

 private:
  void Finish(Result<void> how);

  uint8_t number_;
  CompletionPtr<void> completion_;
  std::unique_ptr<client::Request> request_;
};

}  // namespace boxlite::box
