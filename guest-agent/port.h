// The virtio console port named boxlite.agent, where the host speaks to us.
//
// The kernel tells a port's name to sysfs some time after the port's node has appeared, and
// announces it as a "change" of the device; so we listen for kernel events and look again at each.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "guest-agent/loop.h"

namespace boxlite::agent {

class PortFinder {
 public:
  // `found` is called once, perhaps at once.
  PortFinder(Loop& loop, std::function<void(const std::string& device)> found);
  Result<void> Start();

 private:
  bool Look();
  void OnEvent();

  std::function<void(const std::string&)> found_;
  UniqueFd events_;
  Watch watch_;
};

}  // namespace boxlite::agent
