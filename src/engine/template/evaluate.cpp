// The evaluator's expressions.

#include <fmt/format.h>

#include "engine/template/evaluator_parts.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/print.hpp"

namespace wattle::engine::jinja {

Error Evaluator::at_line(int line, Error error) const {
  if (error.code == ErrorCode::invalid_argument) return error;
  error.what = fmt::format("{}, line {}: {}", source_, line, error.what);
  return error;
}

Result<Value> Evaluator::evaluate(const Expression& expression) {
  const Level level(*this);
  WATTLE_CHECK(level.check(expression.line));
  WATTLE_CHECK(located(expression.line, heap_.step()));
  return std::visit([&](const auto& node) { return evaluate_node(node, expression.line); },
                    expression.node);
}

Result<Value> Evaluator::evaluate_node(const Literal& node, int /*line*/) {
  return node.value;
}

Result<Value> Evaluator::evaluate_node(const Name& node, int line) {
  WATTLE_CHECK(located(line, heap_.work(node.name.size())));
  if (const Value* value = find_variable(node.name)) return *value;
  if (const Callable* global = find_global(node.name, clock_)) return global;
  return heap_.undefined(Missing{Missing::What::variable, node.name, {}});
}

Result<Value> Evaluator::evaluate_node(const SequenceLiteral& node, int line) {
  SequenceBuilder builder(heap_);
  for (const ExpressionRef item : node.items) {
    WATTLE_TRY(const Value value, evaluate(*item));
    WATTLE_CHECK(located(line, builder.add(value)));
  }
  return node.is_tuple ? builder.tuple() : builder.list();
}

Result<Value> Evaluator::evaluate_node(const DictLiteral& node, int line) {
  Dict* dict = heap_.dict();
  for (const auto& [key_expression, value_expression] : node.entries) {
    WATTLE_TRY(const Value key, evaluate(*key_expression));
    WATTLE_TRY(const Value value, evaluate(*value_expression));
    if (!is_key(key)) {
      return std::unexpected(
          at_line(line, cannot(fmt::format("unhashable type: '{}'", type_name(key))).error()));
    }
    WATTLE_CHECK(located(line, heap_.work(kEntryBytes)));
    WATTLE_CHECK(located(line, work_of_key(heap_, key)));
    dict->set(key, value);
  }
  return dict;
}

Result<Value> Evaluator::evaluate_node(const Attribute& node, int line) {
  WATTLE_TRY(const Value object, evaluate(*node.object));
  return located(line, attribute_of(heap_, object, node.name));
}

Result<Value> Evaluator::evaluate_node(const Subscript& node, int line) {
  WATTLE_TRY(const Value object, evaluate(*node.object));
  WATTLE_TRY(const Value key, evaluate(*node.key));
  return located(line, element_of(heap_, object, key));
}

Result<Value> Evaluator::evaluate_bound(ExpressionRef bound) {
  return bound != nullptr ? evaluate(*bound) : Result<Value>(None{});
}

Result<Value> Evaluator::evaluate_node(const Slice& node, int line) {
  WATTLE_TRY(const Value object, evaluate(*node.object));
  WATTLE_TRY(const Value start, evaluate_bound(node.start));
  WATTLE_TRY(const Value stop, evaluate_bound(node.stop));
  WATTLE_TRY(const Value step, evaluate_bound(node.step));
  return located(line, slice_of(heap_, object, start, stop, step));
}

Result<Arguments> Evaluator::evaluate_arguments(const ArgumentList& list) {
  Arguments arguments;
  for (const ExpressionRef argument : list.positional) {
    WATTLE_TRY(const Value value, evaluate(*argument));
    arguments.positional.push_back(value);
  }
  for (const auto& [name, argument] : list.named) {
    WATTLE_TRY(const Value value, evaluate(*argument));
    arguments.named.emplace_back(name, value);
  }
  return arguments;
}

Result<Value> Evaluator::evaluate_node(const Call& node, int line) {
  Callable callable;
  const auto* attribute = std::get_if<Attribute>(&node.callee->node);
  if (attribute != nullptr) {  // a method needs no object of its own
    WATTLE_TRY(callable.self, evaluate(*attribute->object));
    callable.name = attribute->name;
    callable.function = find_method(callable.self, attribute->name);
  }
  if (callable.function == nullptr) {
    Result<Value> callee = attribute != nullptr
                               ? located(line, attribute_of(heap_, callable.self, attribute->name))
                               : evaluate(*node.callee);
    if (!callee) return callee;
    const auto* found = std::get_if<const Callable*>(&*callee);
    if (found == nullptr) {
      const std::string what = is_undefined(*callee)
                                   ? missing_message(std::get<Undefined>(*callee))
                                   : fmt::format("'{}' object is not callable", type_name(*callee));
      return std::unexpected(at_line(line, cannot(what).error()));
    }
    callable = **found;
  }
  WATTLE_TRY(const Arguments arguments, evaluate_arguments(node.arguments));
  if (callable.macro != nullptr) return call_macro(callable, arguments, line);
  return located(line, callable.function({heap_, clock_, callable.name, callable.self, arguments}));
}

Result<Value> Evaluator::call_named(const NamedCall& named, const Value& input,
                                    std::string_view kind) {
  if (named.function == nullptr) {
    return std::unexpected(at_line(
        named.line, not_covered(fmt::format("no {} is named '{}'", kind, named.name)).error()));
  }
  WATTLE_TRY(const Arguments arguments, evaluate_arguments(named.arguments));
  return located(named.line, named.function({heap_, clock_, named.name, input, arguments}));
}

Result<Value> Evaluator::evaluate_node(const Filter& node, int /*line*/) {
  WATTLE_TRY(const Value input, evaluate(*node.input));
  return call_named(node.filter, input, "filter");
}

Result<Value> Evaluator::evaluate_node(const Test& node, int /*line*/) {
  WATTLE_TRY(const Value input, evaluate(*node.input));
  return call_named(node.test, input, "test");
}

Result<Value> Evaluator::evaluate_node(const Not& node, int /*line*/) {
  WATTLE_TRY(const Value operand, evaluate(*node.operand));
  return !is_true(operand);
}

Result<Value> Evaluator::evaluate_node(const Sign& node, int line) {
  WATTLE_TRY(const Value operand, evaluate(*node.operand));
  return located(line, node.negative ? negate(operand) : plus(operand));
}

Result<Value> Evaluator::evaluate_node(const Binary& node, int line) {
  WATTLE_TRY(const Value left, evaluate(*node.left));
  WATTLE_TRY(const Value right, evaluate(*node.right));
  return located(line, calculate(heap_, node.op, left, right));
}

Result<Value> Evaluator::evaluate_node(const Concatenation& node, int line) {
  TextBuilder builder(heap_);
  for (const ExpressionRef part : node.parts) {
    WATTLE_TRY(const Value value, evaluate(*part));
    WATTLE_CHECK(located(line, print(value, builder)));
  }
  return builder.value();
}

Result<Value> Evaluator::evaluate_node(const Logical& node, int /*line*/) {
  WATTLE_TRY(const Value left, evaluate(*node.left));
  return is_true(left) == node.is_and ? evaluate(*node.right) : Result<Value>(left);
}

// a < b < c: each operand once, and no further than the first that does not hold.
Result<Value> Evaluator::evaluate_node(const ComparisonChain& node, int line) {
  WATTLE_TRY(Value left, evaluate(*node.first));
  for (const auto& [op, operand] : node.rest) {
    WATTLE_TRY(const Value right, evaluate(*operand));
    WATTLE_TRY(const bool holds, located(line, compare(heap_, op, left, right)));
    if (!holds) return false;
    left = right;
  }
  return true;
}

Result<Value> Evaluator::evaluate_node(const Conditional& node, int line) {
  WATTLE_TRY(const Value condition, evaluate(*node.condition));
  if (is_true(condition)) return evaluate(*node.value);
  if (node.otherwise != nullptr) return evaluate(*node.otherwise);
  return heap_.undefined(heap_.keep(fmt::format(
      "the inline if-expression on line {} evaluated to false and no else section was defined.",
      line)));
}

}  // namespace wattle::engine::jinja
