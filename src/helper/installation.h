// Where boxlite's own programs and the guest's files lie: beside the library that is loaded.
//
//   <prefix>/lib/libboxlite.so          or lib/<architecture>/libboxlite.so
//   <prefix>/libexec/boxlite/           boxlite-vm, boxlite-image
//   <prefix>/share/boxlite/             vmlinux, initramfs.cpio
//
// BOXLITE_RUNTIME_DIR names another prefix with the same layout.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::helper {

class Installation {
 public:
  // Looks where the library lies. Whether the files are there is found out when they are needed.
  static Installation Locate();
  explicit Installation(std::string prefix) : prefix_(std::move(prefix)) {}

  const std::string& prefix() const { return prefix_; }
  std::string VmPath() const { return prefix_ + "/libexec/boxlite/boxlite-vm"; }
  std::string ImagePath() const { return prefix_ + "/libexec/boxlite/boxlite-image"; }
  std::string KernelPath() const { return prefix_ + "/share/boxlite/vmlinux"; }
  std::string InitramfsPath() const { return prefix_ + "/share/boxlite/initramfs.cpio"; }

  // For reading; kConfig, saying what is missing and where it was looked for.
  Result<UniqueFd> OpenKernel() const;
  Result<UniqueFd> OpenInitramfs() const;
  // The path, where it is a program; kConfig as above.
  Result<std::string> FindVm() const;
  Result<std::string> FindImage() const;

 private:
  std::string prefix_;
};

}  // namespace boxlite::helper
