#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "cli/handles.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/template.h"

namespace boxlite::cli {
namespace {

using json::Value;

constexpr std::string_view kTablePrefix = "table ";

// Whose reader went away has seen what it wanted: nothing is said then.
int FailToWrite() {
  if (errno == EPIPE) return kExitFailure;
  return Fail(
      ("cannot write to standard output: " + std::generic_category().message(errno)).c_str());
}

int PrintLine(const std::string& line) {
  return std::puts(line.c_str()) >= 0 ? 0 : FailToWrite();
}

// What stdio keeps is written when there is somebody to say that it could not be.
int Flush(int printed) {
  if (printed != 0) return printed;
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? 0 : FailToWrite();
}

// Only in pieces that tabs separate can columns be found.
Row Cells(const std::string& line) {
  Row cells;
  size_t begin = 0;
  for (size_t tab = line.find('\t'); tab != std::string::npos; tab = line.find('\t', begin)) {
    cells.push_back(line.substr(begin, tab - begin));
    begin = tab + 1;
  }
  cells.push_back(line.substr(begin));
  return cells;
}

bool IsTable(const std::string& format) {
  return format.compare(0, kTablePrefix.size(), kTablePrefix) == 0;
}

std::string WithoutTable(const std::string& format) {
  return IsTable(format) ? format.substr(kTablePrefix.size()) : format;
}

std::string CheckFormat(const std::string& format) {
  std::string problem;
  Template::Parse(format, problem);
  return problem;
}

int PrintTableOf(const Listing& listing) {
  Row headings;
  for (const Column& column : listing.columns) headings.emplace_back(column.heading);
  std::vector<Row> table = {headings};
  for (const Value& value : listing.rows) {
    Row& row = table.emplace_back();
    for (const Column& column : listing.columns) row.push_back(column.cell(value));
  }
  PrintTable(table);
  return Flush(0);
}

// Also where there is no row that would show it.
bool HasFields(const Value& example, const std::string& format) {
  std::string problem;
  auto line = Template::Parse(WithoutTable(format), problem);
  if (!line || example.is_null() || line->HasFields(example, problem)) return true;
  return Fail(("--format: " + problem).c_str()) == 0;
}

int PrintJson(const std::vector<Value>& values) {
  Value document = Value::Array();
  for (const Value& value : values) document.Append(value);
  return Flush(PrintLine(document.Dump()));
}

}  // namespace

void AddOutputOptions(CLI::App* command, OutputOptions& output) {
  command->add_flag("--json", output.json, "As one JSON document");
  command->add_option("--format", output.format, "Text with {{.Field}}, or json")
      ->check(CLI::Validator(CheckFormat, "", "format"));
}

std::function<std::string(const Value&)> Member(const char* name) {
  return [name](const Value& row) {
    Value member = row[name];
    return member.is_text() ? member.AsText().TakeValue() : member.is_null() ? "" : member.Dump();
  };
}

std::function<std::string(const Value&)> SizeMember(const char* name) {
  return [name](const Value& row) {
    auto bytes = row.Integer(name, 0);
    return bytes.ok() ? HumanSize(static_cast<uint64_t>(bytes.value())) : "";
  };
}

std::function<std::string(const Value&)> AgeMember(const char* name) {
  return [name](const Value& row) {
    auto at_ms = row.Integer(name, 0);
    return at_ms.ok() ? TimeAgo(at_ms.value()) : "";
  };
}

int PrintFormatted(const std::vector<Value>& values, const std::string& format) {
  bool as_table = IsTable(format);
  std::string problem;
  auto line = Template::Parse(WithoutTable(format), problem);
  if (format == "json") line = Template::Parse("{{json .}}", problem);
  std::vector<Row> table;
  if (line) table.push_back(Cells(line->Heading()));
  for (const Value& value : values) {
    std::optional<std::string> text;
    if (line) text = line->Render(value, problem);
    if (!text) return Fail(("--format: " + problem).c_str());
    if (as_table) table.push_back(Cells(*text));
    if (!as_table && PrintLine(*text) != 0) return kExitFailure;
  }
  if (as_table) PrintTable(table);
  return Flush(0);
}

int PrintDocument(const Value& value, const OutputOptions& output) {
  if (!output.format.empty()) return PrintFormatted({value}, output.format);
  return Flush(PrintLine(value.Dump()));
}

int Print(const Listing& listing, const OutputOptions& output) {
  if (!output.format.empty())
    return HasFields(listing.example, output.format) ? PrintFormatted(listing.rows, output.format)
                                                     : kExitFailure;
  if (output.json) return PrintJson(listing.rows);
  if (!output.quiet) return PrintTableOf(listing);
  auto name = Member(listing.quiet_member);
  for (const Value& row : listing.rows) {
    if (PrintLine(name(row)) != 0) return kExitFailure;
  }
  return Flush(0);
}

}  // namespace boxlite::cli
