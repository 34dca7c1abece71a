#include "sense/log.hpp"

namespace wattle::sense {

Result<SensorLog> parse_tegrastats_log(std::string_view, const ReadLogOptions&) {
  return fail(ErrorCode::unsupported, "later");
}

}  // namespace wattle::sense
