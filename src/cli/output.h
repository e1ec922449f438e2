// How a command that lists prints what it found: a table for people, JSON, a template, or bare
// names.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "json/json.h"

namespace boxlite::cli {

struct OutputOptions {
  bool json = false;
  bool quiet = false;
  std::string format;
};

// --json and --format.
void AddOutputOptions(CLI::App* command, OutputOptions& output);

struct Column {
  const char* heading;
  std::function<std::string(const json::Value& row)> cell;
};
// The text of one member; "" where it is null.
std::function<std::string(const json::Value&)> Member(const char* name);

// "12.3 MB" and "3 minutes ago" of a member that is a number of bytes, or milliseconds since 1970.
std::function<std::string(const json::Value&)> SizeMember(const char* name);
std::function<std::string(const json::Value&)> AgeMember(const char* name);

struct Listing {
  std::vector<Column> columns;
  const char* quiet_member;  // what -q prints of each row
  std::vector<json::Value> rows;
  // A row's fields, for a listing that may have no rows.
  json::Value example = {};
};

// Each prints to standard output and returns the program's exit code.
int Print(const Listing& listing, const OutputOptions& output);
// One value that has no table: JSON unless there is a template.
int PrintDocument(const json::Value& value, const OutputOptions& output);
// One line for each value that the template makes of it.
int PrintFormatted(const std::vector<json::Value>& values, const std::string& format);

}  // namespace boxlite::cli
