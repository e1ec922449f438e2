// SQLite, wrapped: nobody else includes <sqlite3.h>.
//
//   Database      one connection, in write-ahead mode
//   Statement     a compiled statement: Bind in order, Step for each row or Run to the end
//   Transaction   writes from Begin to Commit, or nothing
//
// Texts are bytes: they are bound with their length and compared as bytes. A list of texts is one
// blob (EncodeList).
//
// Thread rule: a Database and what belongs to it are used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace boxlite::store {

Bytes EncodeList(const std::vector<std::string>& list);
Result<std::vector<std::string>> DecodeList(ByteSpan bytes);

class Database {
 public:
  enum class Mode { kExisting, kCreate };
  // Errors name the file.
  static Result<std::unique_ptr<Database>> Open(const std::string& path, Mode mode,
                                                int busy_timeout_ms);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements without parameters and without rows.
  Result<void> Execute(const char* sql);
  // The first column of the first row.
  Result<int64_t> ReadNumber(const char* sql);
  // Rows that the last statement changed.
  int64_t Changed() const;

  // What SQLite answered, as an Error that names the file.
  Error ToError(int result) const;
  sqlite3* raw() { return raw_; }

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  std::string path_;
  sqlite3* raw_ = nullptr;
};

class Statement {
 public:
  static Result<Statement> Prepare(Database& database, std::string_view sql);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // The next parameter. Bound bytes are copied.
  void Bind(int64_t value);
  void Bind(std::string_view text);
  void BindBlob(ByteSpan bytes);

  // Whether there is a (further) row.
  Result<bool> Step();
  Result<void> Run();

  // The row's columns, from 0.
  int64_t Number(int column);
  std::string Text(int column);
  Result<std::vector<std::string>> List(int column);

 private:
  Statement(Database& database, sqlite3_stmt* raw) : database_(&database), raw_(raw) {}
  void Keep(int result);

  Database* database_;  // outlives the statement
  sqlite3_stmt* raw_;
  int bound_ = 0;
  int bind_result_ = 0;  // the first failure
};

// One statement with one text parameter. The rows that it changed.
Result<int64_t> RunWith(Database& database, std::string_view sql, std::string_view parameter);

class Transaction {
 public:
  // Takes the write lock at once, so that what is read inside cannot change before it is written.
  static Result<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();  // undoes what was not committed

  Result<void> Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;  // outlives the transaction; null: it is over
};

}  // namespace boxlite::store
