#include "actuate/actuator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace wattle::actuate {
namespace {

constexpr const char* kPermissionRemedy =
    "Run with sudo, or install deploy/udev/98-wattle-actuate.rules (docs/permissions.md).";
constexpr const char* kReadOnlyRemedy =
    "/sys is mounted read-only, as in most containers: run on the machine itself, or mount its "
    "/sys writable and name it with --root.";

bool is_permission(int error_number) {
  return error_number == EACCES || error_number == EPERM;
}

}  // namespace

const char* unit_name(Unit unit) {
  switch (unit) {
    case Unit::none:
      return "";
    case Unit::khz:
      return "kHz";
    case Unit::hz:
      return "Hz";
    case Unit::mhz:
      return "MHz";
    case Unit::pwm:
      return "of 255";
  }
  return "";
}

std::string step_text(const Step& step) {
  switch (step.kind) {
    case Step::Kind::file:
      return fmt::format("write {} to {}", step.value, step.target);
    case Step::Kind::command:
      return fmt::format("run {}", step.target);
    case Step::Kind::library:
      return fmt::format("call {}({})", step.target, step.value);
  }
  return {};
}

Status FileActuator::perform(const Step& step) {
  Status done = root_.write_text(step.target, step.value);
  if (!done && done.error().code == ErrorCode::permission_denied) {
    done.error().remedy = kPermissionRemedy;
  }
  return done;
}

// Opening a sysfs file for writing changes nothing; only a write does.
void FileActuator::check_writable(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const auto file = root_.resolve(path);
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
      ::close(fd);
      continue;
    }
    const int error_number = errno;
    if (info_.problem) return;  // what stands in the way first is said
    info_.problem =
        Problem{fmt::format("cannot write {}: {}", file.string(), std::strerror(error_number)),
                is_permission(error_number) ? kPermissionRemedy
                : error_number == EROFS     ? kReadOnlyRemedy
                                            : ""};
    return;
  }
}

}  // namespace wattle::actuate
