// JSON for programs that read the command's output.
#pragma once

#include <boxlite.h>

#include <vector>

namespace boxlite::cli {

// Each prints one document to standard output and returns the program's exit code.
int PrintBoxesJson(const std::vector<const boxlite_box_info*>& boxes);
int PrintImagesJson(const boxlite_image_list* images);
int PrintVersionJson();
int PrintDoctorJson(const boxlite_doctor_report* report);

const char* EngineName(boxlite_engine engine);
const char* IsolationName(boxlite_isolation isolation);
const char* DoctorStateName(boxlite_doctor_state state);

}  // namespace boxlite::cli
