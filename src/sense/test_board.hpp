#pragma once
// For tests: base's board of tests/fixtures/sysroots, under the names used here.

#include "base/test_board.hpp"

namespace wattle::sense {

using wattle::OrdinaryUser;
using wattle::TestBoard;

}  // namespace wattle::sense
