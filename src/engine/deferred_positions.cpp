#include "engine/deferred_positions.hpp"

#include <algorithm>

namespace wattle::engine {
namespace {

// Rows of hidden states at the end of a session, the shallowest last: a later position takes all
// earlier ones along, so depths never rise with the position, and those that are as deep as the
// last one are neighbours.
class Deferral {
 public:
  Deferral(SessionState& session, std::uint32_t n_layers)
      : session_(session),
        rows_(session.deferred()),
        d_model_(session.transformer().config().d_model),
        n_layers_(n_layers) {}

  // The next layer at which a deferred position joins the last `n_` ones; n_layers if none does.
  [[nodiscard]] std::uint32_t next_stop() const {
    return n_ == rows_.depth.size() ? n_layers_ : rows_.depth[rows_.depth.size() - n_ - 1];
  }
  void join(std::uint32_t depth) {
    while (n_ < rows_.depth.size() && rows_.depth[rows_.depth.size() - n_ - 1] == depth) ++n_;
  }
  void append(const float* hidden, std::uint32_t depth) {
    rows_.hidden.insert(rows_.hidden.end(), hidden, hidden + d_model_);
    rows_.depth.push_back(depth);
    n_ = 1;
  }
  // From the depth that the last n_ have to the next stop.
  ForwardResult go_on(const LayerHook& hook) {
    const std::uint32_t depth = rows_.depth.back();
    const std::uint32_t stop = next_stop();
    float* const hidden = rows_.hidden.data() + (rows_.depth.size() - n_) * d_model_;
    ForwardResult result = resume(
        session_, n_, depth, hidden,
        {.n_layers = stop, .all_positions = stop < n_layers_, .hook = hook, .resumable = true});
    if (result.layers < n_layers_) std::copy_n(result.all_hidden, n_ * d_model_, hidden);
    std::fill(rows_.depth.end() - static_cast<std::ptrdiff_t>(n_), rows_.depth.end(),
              result.layers);
    result.hidden = result.all_hidden + (n_ - 1) * d_model_;
    return result;
  }

 private:
  SessionState& session_;
  DeferredRows& rows_;
  std::size_t d_model_;
  std::uint32_t n_layers_;
  std::size_t n_ = 0;  // rows that go together: the last ones, all at one depth
};

}  // namespace

ForwardResult forward_deferring(SessionState& session, TokenId token, std::uint32_t n_layers,
                                const LayerHook& hook) {
  DeferredRows& rows = session.deferred();
  if (rows.depth.size() + 1 > session.batch()) complete_deferred(session);
  bool left = false;
  const LayerHook watch = [&](std::uint32_t layer, const float* hidden) {
    left = hook && !hook(layer, hidden);
    return !left;
  };
  Deferral deferral(session, n_layers);
  ForwardResult result =
      forward(session, std::span(&token, 1),
              {.n_layers = deferral.next_stop(), .hook = watch, .resumable = true});
  deferral.append(result.hidden, result.layers);
  while (!left && result.layers < n_layers) {
    deferral.join(result.layers);
    result = deferral.go_on(watch);
  }
  if (result.layers == n_layers) rows.clear();
  session.advance(0, n_layers);
  return result;
}

void complete_deferred(SessionState& session) {
  DeferredRows& rows = session.deferred();
  if (rows.depth.empty()) return;
  const std::uint32_t n_layers = session.cached_layers();
  Deferral deferral(session, n_layers);
  while (rows.depth.back() < n_layers) {
    deferral.join(rows.depth.back());
    deferral.go_on({});
  }
  rows.clear();
}

}  // namespace wattle::engine
