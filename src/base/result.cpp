#include "base/result.hpp"

#include <cerrno>
#include <cstring>

namespace wattle {

std::string Error::message() const {
  if (remedy.empty()) return what;
  std::string line = what;
  if (!line.empty() && line.back() != '.') line += '.';
  return line + ' ' + remedy;
}

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::permission_denied:
      return "permission_denied";
    case ErrorCode::invalid_format:
      return "invalid_format";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::out_of_range:
      return "out_of_range";
    case ErrorCode::io:
      return "io";
    case ErrorCode::no_space:
      return "no_space";
    case ErrorCode::resource_exhausted:
      return "resource_exhausted";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

std::unexpected<Error> fail_errno(int error_number, const std::string& what) {
  const std::string text = what + ": " + std::strerror(error_number);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return fail(ErrorCode::not_found, text, "Check the path.");
    case EACCES:
    case EPERM:
    case EROFS:
      return fail(ErrorCode::permission_denied, text,
                  "Check the permissions, or choose another path.");
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorCode::no_space, text, "Free some space, or choose another disk.");
    case EFBIG:
      return fail(ErrorCode::no_space, text,
                  "Raise the file size limit (ulimit -f), or choose another disk.");
    case ENOMEM:
      return fail(ErrorCode::resource_exhausted, text, "Free some memory.");
    case EISDIR:
      return fail(ErrorCode::invalid_argument, text, "Name a file, not a folder.");
    default:
      return fail(ErrorCode::io, text);
  }
}

}  // namespace wattle
