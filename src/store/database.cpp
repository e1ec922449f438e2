#include "store/database.h"

#include <sqlite3.h>

#include <utility>

namespace boxlite::store {
namespace {

constexpr size_t kMaxListElements = 65536;

Code CodeOf(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kBusy;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Code::kResourceExhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return Code::kConfig;
    case SQLITE_IOERR:
      return Code::kStorage;
    default:
      return Code::kDatabase;
  }
}

std::string HintOf(int result) {
  switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "move the file away to begin with empty records";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process holds the records for a long time; try again";
    case SQLITE_FULL:
      return "free some disk space";
    default:
      return {};
  }
}

}  // namespace

Bytes EncodeList(const std::vector<std::string>& list) {
  Bytes out;
  for (const std::string& text : list) {
    AppendLe<uint32_t>(out, static_cast<uint32_t>(text.size()));
    ByteSpan bytes = AsBytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

Result<std::vector<std::string>> DecodeList(ByteSpan bytes) {
  std::vector<std::string> list;
  ByteReader reader(bytes);
  while (!reader.empty()) {
    auto size = reader.Take<uint32_t>();
    std::string text(AsText(reader.TakeBytes(size)));
    if (!reader.ok() || list.size() == kMaxListElements)
      return Error(Code::kDatabase, "a list in the records is damaged");
    list.push_back(std::move(text));
  }
  return list;
}

// ---------------------------------------------------------------- Database

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Mode mode,
                                                 int busy_timeout_ms) {
  std::unique_ptr<Database> database(new Database(path));
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_CREATE;
  int result = ::sqlite3_open_v2(path.c_str(), &database->raw_, flags, nullptr);
  if (database->raw_ == nullptr) return Error(Code::kResourceExhausted, "out of memory");
  if (result != SQLITE_OK) return database->ToError(result);
  ::sqlite3_busy_timeout(database->raw_, busy_timeout_ms);
  return database;
}

Database::~Database() {
  ::sqlite3_close_v2(raw_);
}

Result<void> Database::Execute(const char* sql) {
  int result = ::sqlite3_exec(raw_, sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return ToError(result);
  return {};
}

Result<int64_t> Database::ReadNumber(const char* sql) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(*this, sql));
  bool row = BOXLITE_TRY(statement.Step());
  return row ? statement.Number(0) : 0;
}

int64_t Database::Changed() const {
  return ::sqlite3_changes64(raw_);
}

Error Database::ToError(int result) const {
  // Before the first statement sqlite3_errmsg may speak of something older than `result`.
  const char* text = ::sqlite3_extended_errcode(raw_) == result ? ::sqlite3_errmsg(raw_)
                                                                : ::sqlite3_errstr(result);
  return Error(CodeOf(result), "the records in " + path_ + ": " + text, HintOf(result))
      .WithErrno(::sqlite3_system_errno(raw_));
}

// ---------------------------------------------------------------- Statement

Result<Statement> Statement::Prepare(Database& database, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  int result =
      ::sqlite3_prepare_v2(database.raw(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (result != SQLITE_OK) return database.ToError(result);
  return Statement(database, raw);
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      raw_(std::exchange(other.raw_, nullptr)),
      bound_(other.bound_),
      bind_result_(other.bind_result_) {}

Statement::~Statement() {
  ::sqlite3_finalize(raw_);
}

void Statement::Keep(int result) {
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
}

void Statement::Bind(int64_t value) {
  Keep(::sqlite3_bind_int64(raw_, ++bound_, value));
}

void Statement::Bind(std::string_view text) {
  // A view without an address would bind NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  Keep(::sqlite3_bind_text64(raw_, ++bound_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::BindBlob(ByteSpan bytes) {
  if (bytes.empty()) return Keep(::sqlite3_bind_zeroblob(raw_, ++bound_, 0));
  Keep(::sqlite3_bind_blob64(raw_, ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT));
}

Result<bool> Statement::Step() {
  if (bind_result_ != SQLITE_OK) return database_->ToError(bind_result_);
  int result = ::sqlite3_step(raw_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return database_->ToError(result);
}

Result<void> Statement::Run() {
  while (BOXLITE_TRY(Step())) {
  }
  return {};
}

int64_t Statement::Number(int column) {
  return ::sqlite3_column_int64(raw_, column);
}

std::string Statement::Text(int column) {
  const void* data = ::sqlite3_column_blob(raw_, column);
  auto size = static_cast<size_t>(::sqlite3_column_bytes(raw_, column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

Result<std::vector<std::string>> Statement::List(int column) {
  return DecodeList(AsBytes(Text(column)));
}

Result<int64_t> RunWith(Database& database, std::string_view sql, std::string_view parameter) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, sql));
  statement.Bind(parameter);
  BOXLITE_TRY(statement.Run());
  return database.Changed();
}

// ---------------------------------------------------------------- Transaction

Result<Transaction> Transaction::Begin(Database& database) {
  BOXLITE_TRY(database.Execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // A failure here means that SQLite has rolled back by itself already.
  if (database_ != nullptr) static_cast<void>(database_->Execute("ROLLBACK").ok());
}

Result<void> Transaction::Commit() {
  BOXLITE_TRY(database_->Execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace boxlite::store
