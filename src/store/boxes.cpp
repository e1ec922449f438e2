// The boxes' half of Store: records, state changes, and what a crash left of them.
#include <algorithm>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_files.h"
#include "store/database.h"
#include "store/store.h"

namespace boxlite::store {
namespace {

constexpr size_t kMaxExitFile = 256 * 1024;

// Every column once, with its member: what is asked for, then what changes.
template <typename Visitor, typename Box>
void FixedColumns(Visitor& v, Box& box) {
  v("id", box.id), v("image", box.image), v("rootfs_path", box.rootfs_path);
  v("reference", box.reference), v("cpus", box.cpus), v("memory_mib", box.memory_mib);
  v("env", box.env), v("working_dir", box.working_dir), v("user", box.user);
  v("entrypoint", box.entrypoint), v("cmd", box.cmd);
  v("entrypoint_set", box.entrypoint_set), v("cmd_set", box.cmd_set), v("labels", box.labels);
  v("engine_wanted", box.engine_wanted);
  v("isolation_wanted", box.isolation_wanted), v("created_at_ms", box.created_at_ms);
  v("max_open_files", box.limits.open_files), v("max_file_size", box.limits.file_size_bytes);
  v("max_memory", box.limits.memory_bytes), v("max_cpu_seconds", box.limits.cpu_seconds);
  v("max_processes", box.limits.processes);
}

template <typename Visitor, typename Box>
void ChangingColumns(Visitor& v, Box& box) {
  v("name", box.name), v("flags", box.flags);
  v("state", box.state), v("image_digest", box.image_digest), v("engine", box.engine);
  v("engine_reason", box.engine_reason), v("isolation", box.isolation), v("jail", box.jail);
  v("pid", box.process.pid), v("pid_start_time", box.process.start_time);
  v("pid_boot_id", box.process.boot_id), v("started_at_ms", box.started_at_ms);
  v("stopped_at_ms", box.stopped_at_ms), v("exit_reason", box.exit_reason);
  v("exit_detail", box.exit_detail), v("exit_code", box.exit_code);
}

// "a, b" and "?, ?" and "a = ?, b = ?".
struct Names {
  std::string names, marks, assignments;
  template <typename T>
  void operator()(const char* name, const T&) {
    const char* separator = names.empty() ? "" : ", ";
    names.append(separator).append(name);
    marks.append(separator).append("?");
    assignments.append(separator).append(name).append(" = ?");
  }
};

struct Binder {
  Statement& statement;
  void operator()(const char*, const std::string& text) { statement.Bind(text); }
  void operator()(const char*, const std::vector<std::string>& list) {
    statement.BindBlob(EncodeList(list));
  }
  template <typename T>
  void operator()(const char*, const T& number) {
    statement.Bind(static_cast<int64_t>(number));
  }
};

struct RowReader {
  Statement& row;
  int column = 0;
  Result<void> status;

  void operator()(const char*, std::string& text) { text = row.Text(column++); }
  void operator()(const char*, std::vector<std::string>& list) {
    Result<std::vector<std::string>> read = row.List(column++);
    if (read.ok())
      list = read.TakeValue();
    else
      status = read.TakeError();
  }
  template <typename T>
  void operator()(const char*, T& number) {
    number = static_cast<T>(row.Number(column++));
  }
};

Names AllNames() {
  Names names;
  const BoxRecord none;
  FixedColumns(names, none);
  ChangingColumns(names, none);
  return names;
}

Result<BoxRecord> ReadRow(Statement& row) {
  BoxRecord box;
  RowReader reader{row, 0, {}};
  FixedColumns(reader, box);
  ChangingColumns(reader, box);
  BOXLITE_TRY(std::move(reader.status));
  return box;
}

Result<std::vector<BoxRecord>> Select(Database& database, std::string_view where,
                                      std::string_view parameter) {
  std::string sql = "SELECT " + AllNames().names + " FROM boxes WHERE ";
  sql.append(where).append(" ORDER BY id");
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, sql));
  if (where.find('?') != std::string_view::npos) statement.Bind(parameter);
  std::vector<BoxRecord> boxes;
  while (BOXLITE_TRY(statement.Step())) boxes.push_back(BOXLITE_TRY(ReadRow(statement)));
  return boxes;
}

Error NoSuchBox(std::string_view what) {
  return Error(Code::kNotFound, "there is no box " + std::string(what));
}

Result<void> CheckState(const BoxRecord& box, const BoxStates& expected) {
  bool fits =
      expected.empty() || std::find(expected.begin(), expected.end(), box.state) != expected.end();
  if (fits) return {};
  return Error(Code::kInvalidState,
               "box " + (box.name.empty() ? box.id : box.name) + " is " + BoxStateName(box.state));
}

Result<void> CheckNameIsFree(Database& database, const BoxRecord& box) {
  if (box.name.empty()) return {};
  std::vector<BoxRecord> taken = BOXLITE_TRY(Select(database, "name = ?", box.name));
  if (taken.empty() || taken.front().id == box.id) return {};
  return Error(Code::kAlreadyExists, "a box named " + box.name + " exists already",
               "choose another name, or remove that box");
}

Result<void> CheckDigestRecorded(Database& database, const std::string& digest) {
  Statement statement =
      BOXLITE_TRY(Statement::Prepare(database, "SELECT 1 FROM images WHERE digest = ?"));
  statement.Bind(digest);
  if (!BOXLITE_TRY(statement.Step()))
    return Error(Code::kNotFound, "image " + digest + " was removed meanwhile",
                 "start the box again");
  return {};
}

}  // namespace

Result<std::string> Store::NewId() {
  return ulids_.Next(RealtimeMs());
}

Result<void> Store::InsertBox(const BoxRecord& box) {
  std::lock_guard lock(mutex_);
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BOXLITE_TRY(CheckNameIsFree(*database_, box));
  Names names = AllNames();
  std::string sql = "INSERT INTO boxes (" + names.names + ") VALUES (" + names.marks + ")";
  Statement statement = BOXLITE_TRY(Statement::Prepare(*database_, sql));
  Binder binder{statement};
  FixedColumns(binder, box);
  ChangingColumns(binder, box);
  BOXLITE_TRY(statement.Run());
  return transaction.Commit();
}

Result<BoxRecord> Store::ReadBox(const std::string& id) {
  std::vector<BoxRecord> boxes = BOXLITE_TRY(Select(*database_, "id = ?", id));
  if (boxes.empty()) return NoSuchBox(id);
  return std::move(boxes.front());
}

Result<BoxRecord> Store::GetBox(const std::string& id) {
  std::lock_guard lock(mutex_);
  return ReadBox(id);
}

Result<BoxRecord> Store::FindBox(std::string_view id_or_name) {
  std::lock_guard lock(mutex_);
  if (id_or_name.empty()) return Error(Code::kInvalidArgument, "the name of the box is empty");
  // A whole id goes before a name, and that before the beginning of an id.
  std::string prefix = CanonicalUlidPrefix(id_or_name);
  std::vector<BoxRecord> found = BOXLITE_TRY(Select(*database_, "id = ?", prefix));
  if (found.empty()) found = BOXLITE_TRY(Select(*database_, "name = ?", id_or_name));
  if (!found.empty()) return std::move(found.front());
  if (prefix.empty()) return NoSuchBox(id_or_name);
  // The prefix has letters and digits only, so GLOB knows no special character in it.
  found = BOXLITE_TRY(Select(*database_, "id GLOB ? || '*'", prefix));
  if (found.empty()) return NoSuchBox(id_or_name);
  if (found.size() > 1)
    return Error(Code::kInvalidArgument,
                 std::to_string(found.size()) + " boxes have an id that begins with " + prefix,
                 "give more of the id");
  return std::move(found.front());
}

Result<std::vector<BoxRecord>> Store::ListBoxes() {
  std::lock_guard lock(mutex_);
  return Select(*database_, "TRUE", {});
}

Result<BoxRecord> Store::ChangeBox(const std::string& id, const BoxStates& expected,
                                   const std::function<void(BoxRecord&)>& change) {
  std::lock_guard lock(mutex_);
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BoxRecord box = BOXLITE_TRY(ReadBox(id));
  BOXLITE_TRY(CheckState(box, expected));
  std::string digest = box.image_digest;
  change(box);
  BOXLITE_TRY(CheckNameIsFree(*database_, box));
  if (box.image_digest != digest && !box.image_digest.empty())
    BOXLITE_TRY(CheckDigestRecorded(*database_, box.image_digest));
  Names names;
  ChangingColumns(names, box);
  Statement statement = BOXLITE_TRY(
      Statement::Prepare(*database_, "UPDATE boxes SET " + names.assignments + " WHERE id = ?"));
  Binder binder{statement};
  ChangingColumns(binder, box);
  statement.Bind(id);
  BOXLITE_TRY(statement.Run());
  BOXLITE_TRY(transaction.Commit());
  return box;
}

Result<void> Store::RemoveBox(const std::string& id, const BoxStates& expected) {
  std::lock_guard lock(mutex_);
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BoxRecord box = BOXLITE_TRY(ReadBox(id));
  BOXLITE_TRY(CheckState(box, expected));
  Statement statement =
      BOXLITE_TRY(Statement::Prepare(*database_, "DELETE FROM boxes WHERE id = ?"));
  statement.Bind(id);
  BOXLITE_TRY(statement.Run());
  BOXLITE_TRY(transaction.Commit());
  return home_->RemoveBoxDir(id);
}

Result<std::vector<StaleBox>> Store::TakeStale() {
  std::vector<StaleBox> stale;
  for (const BoxRecord& box : BOXLITE_TRY(ListBoxes())) {
    if (!IsActive(box.state)) continue;
    Result<std::optional<StaleBox>> one = TakeStale(box.id);
    if (!one.ok() && one.error().code() != Code::kNotFound) return one.TakeError();
    if (one.ok() && one.value()) stale.push_back(std::move(*one.value()));
  }
  return stale;
}

Result<std::optional<StaleBox>> Store::TakeStale(const std::string& id) {
  Result<BoxRecord> box = GetBox(id);
  if (!box.ok()) return box.TakeError();
  if (!IsActive(box.value().state)) return std::optional<StaleBox>();
  std::optional<UniqueFd> held = BOXLITE_TRY(home_->LockBox(id));
  if (!held) return std::optional<StaleBox>();
  // Again after the lock was taken: whoever had it before has written what there was to write.
  box = GetBox(id);
  if (!box.ok()) return box.TakeError();
  if (!IsActive(box.value().state)) return std::optional<StaleBox>();
  StaleBox stale{box.TakeValue(), std::move(*held), {}};
  UniqueFd dir = BOXLITE_TRY(home_->OpenBoxDir(id));
  Result<UniqueFd> exit = sys::OpenAt(dir.get(), "exit", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (exit.ok()) {
    // What cannot be read says as much as nothing: it was killed.
    Result<std::string> text = sys::ReadFile(exit.value().get(), kMaxExitFile);
    if (text.ok()) stale.exit = text.TakeValue();
  }
  return std::optional<StaleBox>(std::move(stale));
}

Result<void> Store::RemoveUnusedBoxDirs() {
  // The directories first: a box has its record before it has one.
  std::vector<std::string> names = BOXLITE_TRY(sys::ListDir(home_->boxes()));
  for (const std::string& name : names) {
    Result<BoxRecord> box = ReadBox(name);
    if (box.ok()) continue;
    if (box.error().code() != Code::kNotFound) return box.TakeError();
    if (IsUlid(name) && !BOXLITE_TRY(home_->IsBoxLocked(name)))
      BOXLITE_TRY(home_->RemoveBoxDir(name));
  }
  return {};
}

}  // namespace boxlite::store
