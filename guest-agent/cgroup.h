// A cgroup for each execution: what a timeout or a kill reaches, however the processes in it have
// detached themselves. They lie in one cgroup for the box's programs. Its processes, and those of
// each execution, are bounded, and each has its share of the processors: a fork bomb leaves room
// for other commands, and the agent, which is outside, its time. That holds against mistakes; root
// in the box may change it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "guest-agent/loop.h"

namespace boxlite::agent {

constexpr char kCgroupTop[] = "/sys/fs/cgroup";
constexpr char kCgroupRoot[] = "/sys/fs/cgroup/box";

// Makes kCgroupRoot, once. `max_processes` is of all of it; 0: as many as the memory suggests.
Result<void> PrepareCgroups(uint64_t max_processes);

class Cgroup {
 public:
  static Result<Cgroup> Create(const std::string& name);
  Cgroup(Cgroup&&) = default;
  Cgroup& operator=(Cgroup&&) = default;

  int fd() const { return directory_.get(); }
  const std::string& path() const { return path_; }
  Result<void> KillAll() const;
  Result<void> SignalAll(int number) const;

 private:
  Cgroup(std::string path, UniqueFd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  UniqueFd directory_;
};

// Removes cgroups whose execution is over, as soon as the last process has left them.
class CgroupRemover {
 public:
  explicit CgroupRemover(Loop& loop) : loop_(loop) {}
  void Remove(Cgroup cgroup);
  // Forgets what was removed; between two batches of events.
  void CollectGarbage();

 private:
  struct Lingering {
    std::string path;
    UniqueFd events;  // cgroup.events, readable "with priority" when it changes
    std::unique_ptr<Watch> watch;
    bool gone = false;
  };
  void Try(Lingering& lingering);

  Loop& loop_;
  std::map<std::string, Lingering> lingering_;
};

}  // namespace boxlite::agent
