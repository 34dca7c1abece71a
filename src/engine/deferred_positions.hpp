#pragma once
// Exact keys and values after early exits: a position that left early goes through its upper layers
// only when a later one goes as deep, and then together with it, as one batch (synchronised
// parallel decoding: Bae et al. 2023, FREE).

#include <cstdint>
#include <span>
#include <vector>

#include "engine/forward.hpp"

namespace wattle::engine {

// Appends one token, by way of `hook` (ForwardOptions), which may leave before `n_layers`; deferred
// positions are taken along as far as this token goes. The bits do not depend on when that happens.
ForwardResult forward_deferring(SessionState& session, TokenId token, std::uint32_t n_layers,
                                const LayerHook& hook);

// Runs what is left of all deferred positions. Afterwards the session can be used in any way.
void complete_deferred(SessionState& session);

}  // namespace wattle::engine
