#pragma once
// Errors as values. Every fallible function of Wattle returns Result<T>; no input, file, sensor or
// peer may abort the process. An Error says what was tried and what the user can do about it.

#include <expected>
#include <string>
#include <utility>

namespace wattle {

enum class ErrorCode {
  invalid_argument,    // the caller's option or value is wrong
  not_found,           // no such file, tensor, key, sensor
  permission_denied,   // exists, may not be read or written
  invalid_format,      // outside bytes are malformed (file, manifest, record)
  unsupported,         // well-formed, but Wattle does not handle it
  out_of_range,        // a number is outside what the device or file allows
  io,                  // read, write, mmap, fsync failed
  no_space,            // disk full or quota
  resource_exhausted,  // memory or another limit
  unavailable,         // optional part is missing here (sensor, library)
  cancelled,           // the user or caller stopped it
  internal,            // a bug of ours
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;    // "cannot read model.gguf: tensor 'x' ends at byte 90, file has 80"
  std::string remedy;  // "download the file again"; may be empty

  // "<what>. <remedy>" as one line for a person.
  [[nodiscard]] std::string message() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string what,
                                                 std::string remedy = {}) {
  return std::unexpected(Error{code, std::move(what), std::move(remedy)});
}

// An errno value as an Error: "cannot open /x: Permission denied" with the fitting code and remedy.
[[nodiscard]] std::unexpected<Error> fail_errno(int error_number, const std::string& what);

[[nodiscard]] const char* error_code_name(ErrorCode code);

}  // namespace wattle

#define WATTLE_CONCAT_INNER(a, b) a##b
#define WATTLE_CONCAT(a, b) WATTLE_CONCAT_INNER(a, b)

// WATTLE_TRY(auto file, open(path));  declares `file`, or returns the error to the caller.
#define WATTLE_TRY(declaration, expression) \
  WATTLE_TRY_INNER(WATTLE_CONCAT(wattle_result_, __LINE__), declaration, expression)
#define WATTLE_TRY_INNER(result, declaration, expression)         \
  auto result = (expression);                                     \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = std::move(*result)

// WATTLE_CHECK(do_it());  returns the error of a Status to the caller.
#define WATTLE_CHECK(expression)                                \
  do {                                                          \
    if (auto wattle_status = (expression); !wattle_status)      \
      return std::unexpected(std::move(wattle_status).error()); \
  } while (false)
