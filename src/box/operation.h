// Operation: the handle with which a call that is under way can be cancelled.
//
// Thread rule: Cancel on any thread; OnCancel on the loop's.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "box/loop_gate.h"

namespace boxlite::box {

// Shared by the user's handle and the work.
class Operation : public std::enable_shared_from_this<Operation> {
 public:
  using Cancelled = std::function<void(Supervisor&)>;

  explicit Operation(LoopGate& gate) : gate_(gate) {}

  void Cancel() {
    gate_.Tell([self = shared_from_this()](Supervisor& supervisor) {
      self->wanted_ = true;
      if (self->cancelled_) std::exchange(self->cancelled_, nullptr)(supervisor);
    });
  }
  // What a cancellation does: it finishes the call and stops its work. Where the work is done
  // already it does no harm.
  void OnCancel(Supervisor& supervisor, Cancelled cancelled) {
    if (wanted_) return cancelled(supervisor);
    cancelled_ = std::move(cancelled);
  }

 private:
  LoopGate& gate_;  // the runtime's, which lives as long as any handle
  bool wanted_ = false;
  Cancelled cancelled_;
};

}  // namespace boxlite::box
