#pragma once
// Guards that both halves of the evaluator use.

#include "engine/template/evaluator.hpp"

namespace wattle::engine::jinja {

// Another scope for as long as it lives.
class Evaluator::InScope {
 public:
  InScope(Evaluator& evaluator, Scope* scope) : evaluator_(evaluator), before_(evaluator.scope_) {
    evaluator_.scope_ = scope;
  }
  ~InScope() { evaluator_.scope_ = before_; }
  InScope(const InScope&) = delete;
  InScope& operator=(const InScope&) = delete;

 private:
  Evaluator& evaluator_;
  Scope* before_;
};

// One level deeper for as long as it lives.
class Evaluator::Level {
 public:
  explicit Level(Evaluator& evaluator) : evaluator_(evaluator) { ++evaluator_.depth_; }
  ~Level() { --evaluator_.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  [[nodiscard]] Status check(int line) const {
    if (evaluator_.depth_ <= evaluator_.heap_.limits().depth) return {};
    return std::unexpected(
        evaluator_.at_line(line, Error{ErrorCode::resource_exhausted,
                                       "expressions, blocks and macro calls are nested too deeply",
                                       {}}));
  }

 private:
  Evaluator& evaluator_;
};

}  // namespace wattle::engine::jinja
