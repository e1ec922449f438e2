// Starts a program of ours (boxlite-vm, boxlite-image) from inside somebody else's process.
//
// The user's wait() must not meet our children, and their SIGCHLD handler must not run for them. So
// the program is a grandchild: a middle process, cloned with exit signal 0 (invisible to a wait
// without __WALL), clones the program and ends; the program is then re-parented to init, and all
// that we keep is its pidfd. Where it is re-parented to us, because the user's process is a
// subreaper or a container's PID 1, Process reaps it through the pidfd.
//
// Both clones share our memory and stop us until they exec or end (as vfork does), so nothing is
// copied however large the process is, and a failing exec leaves its errno in our own memory.
//
// Thread rule: Spawn may be called on any thread; a Process belongs to its loop's thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "loop/loop.h"

namespace boxlite::helper {

struct DescriptorMapping {
  int from = -1;  // ours; borrowed until Spawn returns
  int to = -1;    // its number in the program; 0 to 2 are /dev/null unless named here
};

struct SpawnOptions {
  std::string program;            // absolute path
  std::vector<std::string> argv;  // argv[0] included
  std::vector<DescriptorMapping> descriptors;
};

struct Spawned {
  pid_t pid = 0;
  UniqueFd pidfd;
};

// The program runs in a session of its own, in "/", with an empty environment, no signal blocked or
// ignored, and no descriptor but those named.
Result<Spawned> Spawn(const SpawnOptions& options);

// Watches a program's end. Its exit status is not known (another process reaps it); what it has to
// say it says over its socket.
class Process {
 public:
  static Result<std::unique_ptr<Process>> Watch(loop::Loop& loop, Spawned spawned,
                                                std::function<void()> ended);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return spawned_.pid; }
  // SIGKILL, to nobody else even where the number was used again.
  void Kill();

 private:
  Process(Spawned spawned, std::function<void()> ended);
  void OnEnded();

  Spawned spawned_;
  std::function<void()> ended_;
  std::unique_ptr<loop::FdPoll> poll_;  // after spawned_: it goes first
};

// Waits for the program's end, at most timeout_ms. False where it still runs.
bool WaitForEnd(const Spawned& spawned, int timeout_ms);

// SIGKILL, and waits for the end.
void Kill(const Spawned& spawned);

}  // namespace boxlite::helper
