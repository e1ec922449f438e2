// What the library tells, as JSON values: the form in which the command prints it, and in which
// --format finds its fields. docs/cli.md promises the names.
#pragma once

#include <boxlite.h>

#include <string>

#include "json/json.h"

namespace boxlite::cli {

// Of nullptr each has its names with empty values.
json::Value BoxValue(const boxlite_box_info* box);
json::Value ImageValue(const boxlite_image_info* image);
// For an info from boxlite_image_get_info: everything that is known.
json::Value ImageDetails(const boxlite_image_info* image);
// A step of its history: id of its layer or "", created, created_by, size, comment.
json::Value HistoryValue(const boxlite_image_info* image, size_t n);
// What one kind of file takes in the home directory.
json::Value UsageValue(const boxlite_disk_usage* usage, boxlite_disk_kind kind);
// What runs in a box; "command" is its arguments with spaces between them.
json::Value ProcessValue(const boxlite_process_info* process);
// A check of the doctor's.
json::Value CheckValue(const boxlite_doctor_report* report, size_t n);

// Names of boxes and images are ASCII by their grammar; a label or a path may be any bytes, and
// JSON cannot say those: they become '?'.
json::Value TextValue(std::string text);

}  // namespace boxlite::cli
