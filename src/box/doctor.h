// Doctor: looks at what boxes need from this machine and says what to do where it is not there.
//
// Thread rule: blocks (it starts `boxlite-vm --probe` and `qemu --version`); the worker's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "helper/installation.h"
#include "proto/vm_messages.h"
#include "store/home.h"

namespace boxlite::box {

// The numbers of boxlite_doctor_state.
enum class DoctorState : uint8_t { kOk = 0, kWarning = 1, kError = 2 };

struct DoctorLine {
  std::string name;
  DoctorState state = DoctorState::kOk;
  std::string detail;
  std::string hint;
};
using DoctorReport = std::vector<DoctorLine>;

// For boxes that ask for that engine.
DoctorReport Examine(const helper::Installation& installation, const std::string& qemu_path,
                     const store::Home& home, proto::Engine wanted);

}  // namespace boxlite::box
