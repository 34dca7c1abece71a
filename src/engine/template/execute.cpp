// The evaluator's statements, variables and macros.

#include <fmt/format.h>

#include <algorithm>

#include "engine/template/evaluator_parts.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/print.hpp"

namespace wattle::engine::jinja {

Evaluator::Evaluator(Heap& heap, const Clock* clock, std::string_view source, const Dict& variables)
    : heap_(heap), clock_(clock), source_(source), scope_(heap.scope(nullptr)) {
  scope_->variables = variables;
}

Result<std::string> Evaluator::run(const Tree& tree) {
  TextBuilder out(heap_);
  WATTLE_CHECK(execute(tree.body, out));
  return out.take();
}

Status Evaluator::check_output(const TextBuilder& out) const {
  if (out.text().size() <= heap_.limits().output_bytes) return {};
  return fail(ErrorCode::resource_exhausted,
              fmt::format("the prompt is longer than {} bytes", heap_.limits().output_bytes));
}

Result<Evaluator::Flow> Evaluator::execute(const Body& body, TextBuilder& out) {
  const Level level(*this);
  for (const Statement* statement : body) {
    WATTLE_CHECK(level.check(statement->line));
    WATTLE_CHECK(located(statement->line, heap_.step()));
    WATTLE_TRY(
        const Flow flow,
        std::visit([&](const auto& node) { return execute_node(node, statement->line, out); },
                   statement->node));
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::execute_node(const Text& node, int line, TextBuilder& out) {
  WATTLE_CHECK(located(line, out.add(node.text)));
  WATTLE_CHECK(located(line, check_output(out)));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::execute_node(const Print& node, int line, TextBuilder& out) {
  WATTLE_TRY(const Value value, evaluate(*node.value));
  WATTLE_CHECK(located(line, print(value, out)));
  WATTLE_CHECK(located(line, check_output(out)));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::execute_node(const If& node, int /*line*/, TextBuilder& out) {
  for (const auto& [condition, body] : node.branches) {
    WATTLE_TRY(const Value value, evaluate(*condition));
    if (is_true(value)) return execute(body, out);
  }
  return execute(node.otherwise, out);
}

Result<std::vector<Value>> Evaluator::loop_items(const For& node, int line) {
  WATTLE_TRY(const Value iterable, evaluate(*node.iterable));
  WATTLE_TRY(auto items, located(line, items_of(heap_, iterable)));
  if (node.condition == nullptr) return items;
  std::vector<Value> kept;
  const InScope inside(*this, heap_.scope(scope_));
  for (const Value& item : items) {
    WATTLE_CHECK(assign(node.target, item, line));
    WATTLE_TRY(const Value condition, evaluate(*node.condition));
    if (is_true(condition)) kept.push_back(item);
  }
  return kept;
}

// `else` runs if no iteration came to its end, so also if each was broken off: that is Jinja's way.
Result<Evaluator::Flow> Evaluator::execute_node(const For& node, int line, TextBuilder& out) {
  WATTLE_TRY(auto items, loop_items(node, line));
  Scope* scope = heap_.scope(scope_);
  Loop* loop = heap_.loop(std::move(items));
  bool completed = false;
  for (std::size_t i = 0; i < loop->items.size(); ++i) {
    WATTLE_CHECK(located(line, heap_.step()));
    if (node.defines_macros && i > 0) scope = heap_.scope(scope_);
    scope->variables.clear();
    loop->index0 = i;
    const InScope inside(*this, scope);
    WATTLE_CHECK(assign(node.target, loop->items[i], line));
    WATTLE_CHECK(located(line, assign_name("loop", loop)));
    WATTLE_TRY(const Flow flow, execute(node.body, out));
    completed = completed || flow == Flow::normal;
    if (flow == Flow::breaks) break;
  }
  if (completed) return Flow::normal;
  const InScope inside(*this, heap_.scope(scope_));
  return execute(node.otherwise, out);
}

Result<Evaluator::Flow> Evaluator::execute_node(const Set& node, int line, TextBuilder& /*out*/) {
  WATTLE_TRY(const Value value, evaluate(*node.value));
  WATTLE_CHECK(assign(node.target, value, line));
  return Flow::normal;
}

Result<Value> Evaluator::captured(const Body& body, const std::vector<NamedCall>& filters) {
  TextBuilder text(heap_);
  const InScope inside(*this, heap_.scope(scope_));
  WATTLE_CHECK(execute(body, text));
  Value value = text.value();
  for (const NamedCall& filter : filters) {
    WATTLE_TRY(value, call_named(filter, value, "filter"));
  }
  return value;
}

Result<Evaluator::Flow> Evaluator::execute_node(const SetBlock& node, int line,
                                                TextBuilder& /*out*/) {
  WATTLE_TRY(const Value value, captured(node.body, node.filters));
  WATTLE_CHECK(assign(node.target, value, line));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::execute_node(const FilterBlock& node, int line,
                                                TextBuilder& out) {
  WATTLE_TRY(const Value value, captured(node.body, node.filters));
  WATTLE_CHECK(located(line, print(value, out)));
  WATTLE_CHECK(located(line, check_output(out)));
  return Flow::normal;
}

// The values are those of outside: one assignment does not see the others.
Result<Evaluator::Flow> Evaluator::execute_node(const With& node, int line, TextBuilder& out) {
  std::vector<Value> values;
  for (const auto& [target, expression] : node.assignments) {
    WATTLE_TRY(const Value value, evaluate(*expression));
    values.push_back(value);
  }
  const InScope inside(*this, heap_.scope(scope_));
  for (std::size_t i = 0; i < values.size(); ++i) {
    WATTLE_CHECK(assign(node.assignments[i].first, values[i], line));
  }
  return execute(node.body, out);
}

Result<Evaluator::Flow> Evaluator::execute_node(const Macro& node, int line, TextBuilder& /*out*/) {
  const Callable* macro =
      heap_.callable(Callable{.name = node.name, .macro = &node, .scope = scope_});
  WATTLE_CHECK(located(line, assign_name(node.name, macro)));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::execute_node(const Break& /*node*/, int /*line*/,
                                                TextBuilder& /*out*/) {
  return Flow::breaks;
}

Result<Evaluator::Flow> Evaluator::execute_node(const Continue& /*node*/, int /*line*/,
                                                TextBuilder& /*out*/) {
  return Flow::continues;
}

// An argument by position, else by name, else the default, which sees the parameters before it.
Result<Value> Evaluator::bind_parameter(const Macro& macro, std::size_t index,
                                        const Arguments& arguments, std::vector<bool>& used,
                                        Scope& scope) {
  if (index < arguments.positional.size()) return arguments.positional[index];
  const auto& [name, otherwise] = macro.parameters[index];
  for (std::size_t i = 0; i < arguments.named.size(); ++i) {
    if (arguments.named[i].first != name) continue;
    used[i] = true;
    return arguments.named[i].second;
  }
  if (otherwise == nullptr) {
    return heap_.undefined(heap_.keep(fmt::format("parameter '{}' was not provided", name)));
  }
  const InScope inside(*this, &scope);
  return evaluate(*otherwise);
}

Status Evaluator::bind_parameters(const Macro& macro, const Arguments& arguments, Scope& scope,
                                  int line) {
  std::vector<bool> used(arguments.named.size());
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    WATTLE_TRY(const Value value, bind_parameter(macro, i, arguments, used, scope));
    const InScope inside(*this, &scope);
    WATTLE_CHECK(located(line, assign_name(macro.parameters[i].first, value)));
  }
  const InScope inside(*this, &scope);
  return located(line, bind_rest(macro, arguments, used));
}

// What no parameter took: refused, unless the macro mentions `varargs` or `kwargs`.
Status Evaluator::bind_rest(const Macro& macro, const Arguments& arguments,
                            const std::vector<bool>& used) {
  Dict* named = heap_.dict();
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) continue;
    const auto& [name, value] = arguments.named[i];
    if (!macro.takes_more_named) {
      return cannot(fmt::format("macro '{}' takes no keyword argument '{}'", macro.name, name));
    }
    named->set(name, value);
  }
  if (macro.takes_more_named) WATTLE_CHECK(assign_name("kwargs", named));
  const std::size_t n_parameters = macro.parameters.size();
  if (arguments.positional.size() > n_parameters && !macro.takes_more_positional) {
    return cannot(
        fmt::format("macro '{}' takes not more than {} argument(s)", macro.name, n_parameters));
  }
  if (!macro.takes_more_positional) return {};
  SequenceBuilder more(heap_);
  for (std::size_t i = n_parameters; i < arguments.positional.size(); ++i) {
    WATTLE_CHECK(more.add(arguments.positional[i]));
  }
  return assign_name("varargs", more.tuple());
}

Result<Value> Evaluator::call_macro(const Callable& callable, const Arguments& arguments,
                                    int line) {
  const Level level(*this);
  WATTLE_CHECK(level.check(line));
  const Macro& macro = *callable.macro;
  Scope* scope = heap_.scope(callable.scope);
  WATTLE_CHECK(bind_parameters(macro, arguments, *scope, line));
  const InScope inside(*this, scope);
  TextBuilder text(heap_);
  WATTLE_CHECK(execute(macro.body, text));
  return text.value();
}

Status Evaluator::assign(const Target& target, const Value& value, int line) {
  if (!target.is_tuple) {
    return located(line, target.attribute.empty() ? assign_name(target.name, value)
                                                  : assign_attribute(target, value));
  }
  WATTLE_TRY(const auto items, located(line, items_of(heap_, value)));
  if (items.size() != target.parts.size()) {
    return std::unexpected(at_line(line, cannot(fmt::format("expected {} values to unpack, got {}",
                                                            target.parts.size(), items.size()))
                                             .error()));
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    WATTLE_CHECK(assign(target.parts[i], items[i], line));
  }
  return {};
}

Status Evaluator::assign_name(std::string_view name, const Value& value) {
  WATTLE_CHECK(heap_.work(kEntryBytes));
  scope_->variables.set(name, value);
  return {};
}

Status Evaluator::assign_attribute(const Target& target, const Value& value) {
  const Value* variable = find_variable(target.name);
  const auto* names = variable != nullptr ? std::get_if<Namespace>(variable) : nullptr;
  if (names == nullptr) return cannot("cannot assign attribute on non-namespace object");
  WATTLE_CHECK(heap_.work(kEntryBytes));
  names->attributes->set(target.attribute, value);
  return {};
}

const Value* Evaluator::find_variable(std::string_view name) const {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    if (const Value* value = scope->variables.find(name)) return value;
  }
  return nullptr;
}

}  // namespace wattle::engine::jinja
