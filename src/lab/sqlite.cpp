#include "lab/sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

namespace wattle::lab {
namespace {

std::unexpected<Error> sqlite_error(sqlite3* connection, int code, const std::string& source) {
  const std::string what =
      fmt::format("results database {}: {}", source,
                  connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return fail(ErrorCode::no_space, what,
                  "Free some space and run the same command again; finished records are kept.");
    case SQLITE_IOERR:
      return fail(ErrorCode::io, what,
                  "Check the disk and run the same command again; finished records are kept.");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return fail(ErrorCode::permission_denied, what,
                  "Check the permissions, or choose another folder with --output.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(ErrorCode::unavailable, what, "Another program is writing to it; wait for it.");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return fail(ErrorCode::invalid_format, what,
                  "The file is damaged or not a Wattle result; move it away, or use --fresh.");
    default:
      return fail(ErrorCode::internal, what);
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::bind(std::int64_t value) {
  bind_error_ |= sqlite3_bind_int64(statement_.get(), next_++, value);
  return *this;
}
Statement& Statement::bind(double value) {
  bind_error_ |= sqlite3_bind_double(statement_.get(), next_++, value);
  return *this;
}
Statement& Statement::bind(std::string_view value) {
  bind_error_ |= sqlite3_bind_text64(statement_.get(), next_++, value.data(), value.size(),
                                     SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}
Statement& Statement::bind(const std::optional<double>& value) {
  return value ? bind(*value) : bind_null();
}
Statement& Statement::bind_null() {
  bind_error_ |= sqlite3_bind_null(statement_.get(), next_++);
  return *this;
}

Result<bool> Statement::step() {
  sqlite3* const connection = sqlite3_db_handle(statement_.get());
  if (bind_error_ != SQLITE_OK) return sqlite_error(connection, bind_error_, source_);
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    auto error = sqlite_error(connection, sqlite3_extended_errcode(connection), source_);
    sqlite3_reset(statement_.get());
    return error;
  }
  sqlite3_reset(statement_.get());
  next_ = 1;
  return false;
}

Status Statement::run() {
  while (true) {
    WATTLE_TRY(const bool more, step());
    if (!more) return {};
  }
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}
std::optional<double> Statement::optional_real(int column) const {
  if (is_null(column)) return std::nullopt;
  return real(column);
}
std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

Result<Database> Database::open(const std::filesystem::path& file, Mode mode) {
  sqlite3* connection = nullptr;
  const int flags =
      mode == Mode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(file.c_str(), &connection, flags, nullptr);
  Database database(connection, file.string());
  if (code != SQLITE_OK) return sqlite_error(connection, code, file.string());
  sqlite3_busy_timeout(connection, 5000);
  return database;
}

Status Database::run(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_.get(), code, source_);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_.get(), code, source_);
  return Statement(statement, source_);
}

std::int64_t Database::last_row_id() const {
  return sqlite3_last_insert_rowid(connection_.get());
}

bool Database::has_table(std::string_view name) {
  auto statement = prepare("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?");
  if (!statement) return false;
  const auto row = statement->bind(name).step();
  return row && *row;
}

Result<Transaction> Transaction::begin(Database& database) {
  WATTLE_CHECK(database.run("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  // Nothing is left to be done where the rollback itself fails: SQLite has rolled back already.
  if (database_ != nullptr) static_cast<void>(database_->run("ROLLBACK"));
}

Status Transaction::commit() {
  WATTLE_CHECK(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace wattle::lab
