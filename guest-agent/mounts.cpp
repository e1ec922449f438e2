#include "guest-agent/mounts.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"

namespace boxlite::agent {
namespace {

struct Mount {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* options;
};

constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;

constexpr Mount kEarly[] = {
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"sysfs", "/sys", kPlain, nullptr},
};

constexpr Mount kInBox[] = {
    {"proc", "/proc", kPlain, nullptr},
    {"sysfs", "/sys", kPlain, nullptr},
    {"cgroup2", "/sys/fs/cgroup", kPlain, "nsdelegate"},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"mqueue", "/dev/mqueue", kPlain, nullptr},
};

struct Link {
  const char* target;
  const char* path;
};

constexpr Link kLinks[] = {
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
};

Result<void> MountOne(const Mount& mount) {
  // sysfs has the directory for cgroup2 and refuses to make any.
  if (::mkdir(mount.target, 0755) < 0 && errno != EEXIST && errno != EPERM) {
    return sys::ErrnoError(std::string("create directory ") + mount.target);
  }
  if (::mount(mount.type, mount.target, mount.type, mount.flags, mount.options) < 0) {
    return sys::ErrnoError(std::string("mount ") + mount.target);
  }
  return {};
}

Result<void> MountDisk(const std::string& device, const char* target, unsigned long flags,
                       const char* options) {
  std::string path = "/dev/" + device;
  if (::mount(path.c_str(), target, "ext4", flags, options) == 0) return {};
  return sys::ErrnoError("mount the disk " + device + " as ext4").WithCode(Code::kStorage);
}

Result<void> MountOverlay() {
  constexpr char kOptions[] =
      "lowerdir=/lower,upperdir=/scratch/upper,workdir=/scratch/work,"
      "redirect_dir=on,metacopy=off,index=off";
  if (::mount("overlay", "/box", "overlay", 0, kOptions) == 0) return {};
  return sys::ErrnoError("stack the box's file system").WithCode(Code::kStorage);
}

Result<void> SwitchRoot() {
  if (::chdir("/box") < 0) return sys::ErrnoError("enter the box's file system");
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) < 0 || ::chroot(".") < 0 || ::chdir("/") < 0) {
    return sys::ErrnoError("make the box's file system the root");
  }
  return {};
}

}  // namespace

Result<void> MountEarly() {
  for (const Mount& mount : kEarly) BOXLITE_TRY(MountOne(mount));
  return {};
}

Result<BoxTree> EnterBoxTree(const std::string& root_device, const std::string& scratch_device) {
  for (const char* directory : {"/lower", "/scratch", "/box"}) {
    BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, directory, 0700));
  }
  BOXLITE_TRY(MountDisk(root_device, "/lower", MS_RDONLY, nullptr));
  if (scratch_device.empty()) {
    BOXLITE_TRY(MountOne({"tmpfs", "/scratch", 0, "mode=0700"}));
  } else {
    // A rename over a file does not write the new one out: this disk has no journal either.
    BOXLITE_TRY(MountDisk(scratch_device, "/scratch", MS_NOATIME, "noauto_da_alloc"));
  }
  BoxTree tree;
  tree.scratch = BOXLITE_TRY(sys::Open("/scratch", O_RDONLY | O_DIRECTORY));
  BOXLITE_TRY(sys::MakeDirAt(tree.scratch.get(), "upper", 0755));
  BOXLITE_TRY(sys::MakeDirAt(tree.scratch.get(), "work", 0755));
  BOXLITE_TRY(MountOverlay());
  BOXLITE_TRY(SwitchRoot());
  return tree;
}

Result<void> MountInBox() {
  for (const Mount& mount : kInBox) BOXLITE_TRY(MountOne(mount));
  for (const Link& link : kLinks) {
    if (::symlink(link.target, link.path) < 0 && errno != EEXIST) {
      return sys::ErrnoError(std::string("create ") + link.path);
    }
  }
  // Programs expect it, whatever the image's author forgot.
  if (::mkdir("/tmp", 0777) == 0 && ::chmod("/tmp", 01777) < 0) {
    return sys::ErrnoError("set the mode of /tmp");
  }
  return {};
}

void SettleDisks(const BoxTree& tree) {
  ::sync();
  if (!tree.scratch) return;
  // By descriptor: the scratch file system has no name in the box's tree.
  std::string name = "/proc/self/fd/" + std::to_string(tree.scratch.get());
  ::mount(nullptr, name.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
}

}  // namespace boxlite::agent
