#pragma once
// The adapter to SQLite: a connection and prepared statements, with errors as values. Nothing else
// in the lab names the library.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace wattle::lab {

class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;
  ~Statement() = default;

  // Parameters in order, the first is 1; chained: s.bind(1).bind("x").
  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind(std::string_view value);
  Statement& bind(const std::optional<double>& value);
  Statement& bind_null();

  // true: a row is there to be read; false: done. The statement is reset when done.
  [[nodiscard]] Result<bool> step();
  [[nodiscard]] Status run();  // to the end, ignoring rows

  // Columns of the present row, from 0.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::optional<double> optional_real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3_stmt* statement, std::string source)
      : statement_(statement), source_(std::move(source)) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string source_;
  int next_ = 1;
  int bind_error_ = 0;
};

class Database {
 public:
  enum class Mode { create, read_only };
  static Result<Database> open(const std::filesystem::path& file, Mode mode);

  [[nodiscard]] Status run(const char* sql);  // one or several statements
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  [[nodiscard]] std::int64_t last_row_id() const;
  [[nodiscard]] bool has_table(std::string_view name);

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  Database(sqlite3* connection, std::string source)
      : connection_(connection), source_(std::move(source)) {}
  std::unique_ptr<sqlite3, Close> connection_;
  std::string source_;
};

// Rolled back unless commit() succeeded.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  [[nodiscard]] Status commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace wattle::lab
