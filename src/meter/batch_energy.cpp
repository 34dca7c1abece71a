#include "meter/batch_energy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

namespace wattle::meter {
namespace {

constexpr double kNanojoules = 1e9;
constexpr double kSeconds = 1e-9;
// The curve is asked this long after a moment, so that a reading lies behind it.
constexpr double kShortestLagS = 2.0;
constexpr double kLagUpdates = 3.0;

std::optional<std::int64_t> sum(const std::optional<std::int64_t>& a,
                                const std::optional<std::int64_t>& b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

void add_to(std::optional<std::int64_t>& account_nj, const std::optional<std::int64_t>& nj) {
  account_nj = sum(account_nj, nj);
}

// A request's part of a step, split between the positions of its prompt and its decoded tokens.
void charge(std::optional<std::int64_t>& prefill, std::optional<std::int64_t>& decode,
            const BatchShare& share, std::int64_t nj) {
  const std::array<std::uint64_t, 2> weights{share.n_prompt, share.n_decode};
  const auto parts = divide_exactly(nj, weights);
  add_to(prefill, parts[0]);
  add_to(decode, parts[1]);
}

}  // namespace

std::optional<std::int64_t> RequestEnergy::by_tokens_nj() const {
  return sum(prefill_by_tokens_nj, decode_by_tokens_nj);
}

std::optional<std::int64_t> RequestEnergy::by_time_nj() const {
  return sum(prefill_by_time_nj, decode_by_time_nj);
}

std::vector<std::int64_t> divide_exactly(std::int64_t nj, std::span<const std::uint64_t> weights) {
  using Wide = __int128;
  const Wide total = std::accumulate(weights.begin(), weights.end(), Wide{0});
  std::vector<std::int64_t> parts(weights.size());
  std::vector<Wide> cut(weights.size());
  std::int64_t left = nj;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Wide exact = Wide{nj} * Wide{weights[i]};
    Wide part = exact / total;
    if (exact % total < 0) --part;  // rounded down, also below zero
    parts[i] = static_cast<std::int64_t>(part);
    cut[i] = exact - part * total;
    left -= parts[i];
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cut[a] > cut[b]; });
  for (std::size_t k = 0; left > 0; ++k, --left) ++parts[order[k]];
  return parts;
}

BatchEnergy::BatchEnergy(sense::EnergyMonitor& monitor)
    : monitor_(monitor),
      open_(monitor.begin()),
      lag_ns_(static_cast<std::int64_t>(
          std::max(kShortestLagS, kLagUpdates * monitor.power_interval_s()) / kSeconds)),
      last_end_ns_(open_.t_ns),
      last_end_(level_of(open_)) {}

BatchEnergy::Level BatchEnergy::level_of(const sense::Mark& mark) {
  Level level{0, {}};
  for (const sense::CurveState& state : mark.states) {
    if (!state.known) return {};
    level.epochs.push_back(state.epoch);
    level.nj = *level.nj + std::llround(state.energy_j * kNanojoules);
  }
  return level;
}

std::optional<std::int64_t> BatchEnergy::between(const Level& a, const Level& b) {
  if (!a.nj || !b.nj || a.epochs != b.epochs) return std::nullopt;
  return *b.nj - *a.nj;
}

void BatchEnergy::add_step(std::int64_t begin_ns, std::int64_t end_ns,
                           std::span<const BatchShare> shares) {
  Step step{std::max(begin_ns, last_end_ns_), end_ns, {}};
  step.end_ns = std::max(step.end_ns, step.begin_ns);
  last_end_ns_ = step.end_ns;
  std::copy_if(shares.begin(), shares.end(), std::back_inserter(step.shares),
               [](const BatchShare& s) { return s.n_prompt > 0 || s.n_decode > 0; });
  ++account_.n_steps;
  pending_.push_back(std::move(step));
  settle(end_ns - lag_ns_);
}

void BatchEnergy::settle(std::int64_t until_ns) {
  while (!pending_.empty() && pending_.front().end_ns <= until_ns) {
    settle(pending_.front());
    pending_.pop_front();
  }
}

void BatchEnergy::settle(const Step& step) {
  if (step.shares.empty()) return;  // its time stays in `between`
  const Level begin = level_of(monitor_.mark_at(step.begin_ns));
  const Level end = level_of(monitor_.mark_at(step.end_ns));
  add_to(between_nj_, between(last_end_, begin));
  last_end_ = end;
  const auto nj = between(begin, end);
  add_to(steps_nj_, nj);

  std::vector<std::uint64_t> rows;
  for (const BatchShare& share : step.shares) {
    rows.push_back(std::uint64_t{share.n_prompt} + share.n_decode);
  }
  const std::vector<std::uint64_t> equal(rows.size(), 1);
  const auto by_tokens = divide_exactly(nj.value_or(0), rows);
  const auto by_time = divide_exactly(nj.value_or(0), equal);
  const double seconds = static_cast<double>(step.end_ns - step.begin_ns) * kSeconds;
  for (std::size_t i = 0; i < step.shares.size(); ++i) {
    const BatchShare& share = step.shares[i];
    const auto [it, is_new] = account_.requests.try_emplace(share.request);
    RequestEnergy& request = it->second;
    if (is_new) {
      request.prefill_by_tokens_nj = request.decode_by_tokens_nj = 0;
      request.prefill_by_time_nj = request.decode_by_time_nj = 0;
    }
    request.n_prompt += share.n_prompt;
    request.n_decode += share.n_decode;
    request.held_s += seconds;
    request.share_s += seconds / static_cast<double>(step.shares.size());
    if (nj) {
      charge(request.prefill_by_tokens_nj, request.decode_by_tokens_nj, share, by_tokens[i]);
      charge(request.prefill_by_time_nj, request.decode_by_time_nj, share, by_time[i]);
      continue;
    }
    if (share.n_prompt > 0) {
      request.prefill_by_tokens_nj.reset();
      request.prefill_by_time_nj.reset();
    }
    if (share.n_decode > 0) {
      request.decode_by_tokens_nj.reset();
      request.decode_by_time_nj.reset();
    }
  }
}

BatchAccount BatchEnergy::close() {
  const sense::Mark end = monitor_.end();
  settle(end.t_ns);
  add_to(between_nj_, between(last_end_, level_of(end)));
  const sense::WindowEnergy window = monitor_.between(open_, end);
  account_.seconds = window.seconds;
  account_.problem = window.problem;
  account_.boundary_j = window.boundary_j;
  account_.sensor_j = window.sensor_j;
  account_.steps_nj = steps_nj_;
  account_.between_nj = between_nj_;
  account_.whole_nj = sum(steps_nj_, between_nj_);
  if (account_.whole_nj && window.seconds > 0.0) {
    account_.avg_power_w = static_cast<double>(*account_.whole_nj) / kNanojoules / window.seconds;
  }
  return std::move(account_);
}

}  // namespace wattle::meter
