// boxlite-vm as the library starts it: a child of the test with the descriptors it asks for.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "proto/messages.h"
#include "vm/client.h"

namespace boxlite::vm_test {

// As whom boxlite-vm runs. Nobody is an ordinary user, who may use /dev/kvm all the same; the
// caller has to be root then, and the guest's files in folders that everybody may search.
enum class Runner : uint8_t { kCaller, kNobody };

struct BoxFiles {
  std::string kernel, initramfs, root_disk;
  bool scratch = true;
  unsigned descriptors = 0;  // the most that boxlite-vm may have open; 0: the limit here
  Runner runner = Runner::kCaller;
};
BoxFiles DefaultFiles();

// The engine under test: BOXLITE_TEST_ENGINE is kvm or, where it says nothing, qemu. What only one
// of them can do has its name in the test's, so that a filter leaves it out.
proto::Engine TestedEngine();

class BoxProcess {
 public:
  // Starts the program, does not launch.
  explicit BoxProcess(const BoxFiles& files = DefaultFiles());
  ~BoxProcess();
  BoxProcess(const BoxProcess&) = delete;
  BoxProcess& operator=(const BoxProcess&) = delete;

  static proto::Launch DefaultLaunch();

  Client& owner() { return *owner_; }
  // LAUNCH and wait for its ACCEPT.
  proto::Launched Launch(proto::Launch launch = DefaultLaunch());
  uint32_t launch_stream() const { return launch_stream_; }
  std::unique_ptr<Client> Connect();

  // Waits for the process's end: its wait status.
  int WaitEnd();
  proto::BoxExit ExitRecord() const;
  std::string Log() const;
  pid_t pid() const { return pid_; }
  // Where its files are: scratch, lock, exit, log.
  const std::string& directory() const { return directory_; }
  // The QEMU process, by its parent; -1 where there is none.
  pid_t QemuPid() const;

 private:
  std::string directory_;
  pid_t pid_ = -1;
  std::unique_ptr<Client> owner_;
  uint32_t launch_stream_ = 0;
};

// The boxlite-vm under test.
std::string VmProgram();
// Runs it with `argument` and returns what it printed.
std::string RunProgram(const std::string& argument);

}  // namespace boxlite::vm_test
