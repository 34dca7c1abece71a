#pragma once
// Decoding with guesses (docs/speculation.md): tokens are drafted ahead and checked in one pass
// over all layers, at every position of which the token is chosen exactly as without guessing, by
// the same random numbers; a guess that was not chosen ends the round. The result is the same, bit
// for bit.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/decoding.hpp"
#include "engine/distribution.hpp"
#include "engine/session.hpp"

namespace wattle::engine {

// From the first token's distribution to the stop. `prompt` is what this generation was given.
// Precondition: check_speculation().
Status decode_speculatively(SessionState& session, std::uint32_t n_layers,
                            const GenerateOptions& options, std::span<const TokenId> prompt,
                            const Distribution& first, Decoding& decoding, GenerateResult& result);

// What followed the last 3 tokens of `sequence`, or else the last 2, where they last occurred
// before; empty if they did not (prompt lookup: Saxena 2023). Where the sequence ends before
// `n_most` tokens, it goes on as if it repeated itself from there.
[[nodiscard]] std::vector<TokenId> lookup_draft(std::span<const TokenId> sequence,
                                                std::size_t n_most);

// Errors: draft layers outside the model, too many guesses, rules and observers that need one token
// at a time.
[[nodiscard]] Status check_speculation(const GenerateOptions& options, std::uint32_t n_layers,
                                       bool wants_layer_entropy);

// "self:6:3", "lookup:7"; empty without speculation.
[[nodiscard]] std::string speculation_name(const SpeculationOptions& options);

}  // namespace wattle::engine
