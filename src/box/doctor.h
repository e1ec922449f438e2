// The doctor: what boxes need from this machine, each finding with what to do about it.
//
// Thread rule: the worker's thread; it starts programs and reads files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "helper/installation.h"
#include "store/home.h"

namespace boxlite::box {

// The numbers of boxlite_doctor_state.
enum class DoctorState : int32_t { kOk = 0, kWarning = 1, kError = 2 };

struct DoctorFinding {
  std::string name;
  DoctorState state = DoctorState::kOk;
  std::string detail;
  std::string hint;  // "" where nothing is wrong
};

std::vector<DoctorFinding> Examine(const helper::Installation& installation,
                                   const store::Home& home);

}  // namespace boxlite::box
