#include "lab/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "lab/store_rows.hpp"
#include "lab/store_schema.hpp"

namespace wattle::lab {
namespace {

constexpr const char* kDatabaseName = "results.sqlite";
constexpr std::uintmax_t kLeastFreeBytes = 16U << 20;

// Finds out before hours of measuring whether the results can be kept.
Status probe(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail_errno(error.value(), "cannot create results folder " + folder.string());
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) == 0) {
    const std::uintmax_t free_bytes = std::uintmax_t{disk.f_bavail} * disk.f_frsize;
    if (free_bytes < kLeastFreeBytes) {
      return fail(ErrorCode::no_space,
                  fmt::format("cannot start: {} MiB are free for {}, at least {} are needed",
                              free_bytes >> 20, folder.string(), kLeastFreeBytes >> 20),
                  "Free some space, or choose another folder with --output.");
    }
  }
  const auto file = folder / ".probe";
  if (auto status = write_file_atomically(file, std::string(1 << 16, '\0')); !status) {
    status.error().what = fmt::format("results folder {} cannot be written ({})", folder.string(),
                                      status.error().what);
    if (status.error().remedy.empty()) status.error().remedy = "Choose another with --output.";
    return status;
  }
  std::filesystem::remove(file, error);
  return {};
}

// An old result is moved aside, never deleted.
Status set_aside(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder / kDatabaseName, error)) return {};
  std::string stamp = iso8601_utc(SystemClock().wall_ns());
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  const auto target = folder / "previous" / stamp;
  std::filesystem::create_directories(target, error);
  if (error) return fail_errno(error.value(), "cannot create " + target.string());
  for (const char* name :
       {"results.sqlite-wal", "results.sqlite-shm", "records.csv", "records.json", "summary.csv",
        "summary.json", "report.html", kDatabaseName}) {
    if (!std::filesystem::exists(folder / name, error)) continue;
    std::filesystem::rename(folder / name, target / name, error);
    if (error) return fail_errno(error.value(), "cannot move " + (folder / name).string());
  }
  return {};
}

// "models[0].sha256": the first thing in which two plans differ.
std::string first_difference(const Json& a, const Json& b, const std::string& where = {}) {
  if (a == b) return {};
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) {
      if (!b.contains(key)) return where + key;
      if (value != b[key]) return first_difference(value, b[key], where + key + ".");
    }
    for (const auto& [key, value] : b.items()) {
      if (!a.contains(key)) return where + key;
    }
  }
  if (a.is_array() && b.is_array() && a.size() == b.size()) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) return first_difference(a[i], b[i], fmt::format("{}{}.", where, i + 1));
    }
  }
  return where.empty() ? "plan" : where.substr(0, where.size() - 1);
}

}  // namespace

Store::Lock::~Lock() {
  if (fd >= 0) ::close(fd);  // and with it the lock is gone
}

Store::Store(std::filesystem::path folder, std::unique_ptr<Lock> lock, Database database)
    : folder_(std::move(folder)), lock_(std::move(lock)), database_(std::move(database)) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& folder,
                                           const Experiment& experiment,
                                           const std::vector<Configuration>& configurations,
                                           Start start) {
  WATTLE_CHECK(probe(folder));
  auto lock = std::make_unique<Lock>();
  const auto lock_file = folder / ".lock";
  lock->fd = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock->fd < 0) return fail_errno(errno, "cannot open " + lock_file.string());
  if (::flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::unavailable,
                fmt::format("another wattle is measuring into {}", folder.string()),
                "Wait until it has finished, or choose another folder with --output.");
  }
  if (start == Start::fresh) WATTLE_CHECK(set_aside(folder));
  WATTLE_TRY(Database database, Database::open(folder / kDatabaseName, Database::Mode::create));
  // A commit reaches the system at once, so kill -9 loses nothing; finish_block forces it to disk.
  WATTLE_CHECK(
      database.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                   "PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=0"));
  std::unique_ptr<Store> store(new Store(folder, std::move(lock), std::move(database)));
  if (store->database_.has_table("experiment")) {
    WATTLE_CHECK(store->adopt(experiment));
  } else {
    WATTLE_CHECK(store->create(experiment, configurations));
  }
  return store;
}

Status Store::create(const Experiment& experiment,
                     const std::vector<Configuration>& configurations) {
  WATTLE_TRY(Transaction transaction, Transaction::begin(database_));
  WATTLE_CHECK(database_.run(kResultsSchema));
  WATTLE_CHECK(write_experiment(database_, experiment));
  for (const auto& configuration : configurations) {
    WATTLE_CHECK(insert_configuration(database_, configuration));
  }
  return transaction.commit();
}

Status Store::adopt(const Experiment& experiment) {
  WATTLE_TRY(const Experiment stored, read_experiment(database_));
  if (stored.plan != experiment.plan) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} holds results of another experiment: '{}' differs",
                            folder_.string(), first_difference(stored.plan, experiment.plan)),
                "Choose another folder with --output, or start anew with --fresh (the old results "
                "are kept in previous/).");
  }
  WATTLE_TRY(Transaction transaction, Transaction::begin(database_));
  Experiment updated = experiment;
  updated.created = stored.created;
  WATTLE_CHECK(write_experiment(database_, updated));
  return transaction.commit();
}

Result<std::int64_t> Store::begin_session(const SessionInfo& session) {
  WATTLE_TRY(Statement insert,
             database_.prepare("INSERT INTO session (started, state, details) VALUES (?, ?, ?)"));
  WATTLE_CHECK(insert.bind(session.started)
                   .bind(session.state)
                   .bind(dump_json(session_details(session)))
                   .run());
  return database_.last_row_id();
}

Status Store::update_session(const SessionInfo& session) {
  WATTLE_TRY(Statement update,
             database_.prepare("UPDATE session SET state = ?, details = ? WHERE id = ?"));
  return update.bind(session.state)
      .bind(dump_json(session_details(session)))
      .bind(session.id)
      .run();
}

Result<std::int64_t> Store::begin_block(const Block& block) {
  WATTLE_CHECK(insert_block(database_, block));
  return database_.last_row_id();
}

Status Store::add_record(const StoredRecord& record) {
  return upsert_record(database_, record);
}

Status Store::finish_block(const Block& block, std::span<const StoredRecord> records,
                           std::span<const PowerPoint> power) {
  {
    WATTLE_TRY(Transaction transaction, Transaction::begin(database_));
    WATTLE_CHECK(insert_block(database_, block));
    for (const auto& record : records) WATTLE_CHECK(upsert_record(database_, record));
    for (const auto& point : power) WATTLE_CHECK(insert_power(database_, point));
    WATTLE_CHECK(transaction.commit());
  }
  return database_.run("PRAGMA wal_checkpoint(PASSIVE)");
}

Status Store::add_power(std::span<const PowerPoint> power) {
  WATTLE_TRY(Transaction transaction, Transaction::begin(database_));
  for (const auto& point : power) WATTLE_CHECK(insert_power(database_, point));
  return transaction.commit();
}

Result<TrialState> Store::trial_state(std::int64_t configuration_id, int trial) {
  TrialState state;
  WATTLE_TRY(Statement blocks,
             database_.prepare("SELECT count(*), coalesce(max(completes_trial), 0), "
                               "coalesce(sum(seconds), 0) FROM block "
                               "WHERE configuration_id = ? AND trial = ?"));
  WATTLE_TRY(const bool row, blocks.bind(configuration_id).bind(std::int64_t{trial}).step());
  if (row) {
    state.n_parts = static_cast<int>(blocks.integer(0));
    state.complete = blocks.integer(1) != 0;
    state.seconds = blocks.real(2);
  }
  WATTLE_TRY(Statement done,
             database_.prepare("SELECT prompt_index FROM record WHERE configuration_id = ? AND "
                               "trial = ? AND pass = 0"));
  done.bind(configuration_id).bind(std::int64_t{trial});
  while (true) {
    WATTLE_TRY(const bool more, done.step());
    if (!more) return state;
    state.done_prompts.insert(static_cast<int>(done.integer(0)));
  }
}

Result<Results> Store::load() {
  return read_all(database_);
}

Result<Results> read_results(const std::filesystem::path& folder) {
  const auto file = folder / kDatabaseName;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return fail(ErrorCode::not_found, fmt::format("no results in {}", folder.string()),
                "Name a folder that `wattle lab run` has written.");
  }
  // WAL needs a writable folder even for reading; a read-only copy is opened as it stands.
  auto database = Database::open(file, Database::Mode::create);
  if (!database) database = Database::open(file, Database::Mode::read_only);
  if (!database) return std::unexpected(database.error());
  if (!database->has_table("experiment")) {
    return fail(ErrorCode::invalid_format, fmt::format("{} holds no experiment", file.string()),
                "Name a folder that `wattle lab run` has written.");
  }
  return read_all(*database);
}

}  // namespace wattle::lab
