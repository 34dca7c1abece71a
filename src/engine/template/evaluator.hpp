#pragma once
// Runs a parsed template: expressions give values, statements write text.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/template/ast.hpp"
#include "engine/template/heap.hpp"

namespace wattle::engine::jinja {

class Evaluator {
 public:
  // `source` names the template in errors. `variables` and what they hold must be of `heap` or
  // outlive it.
  Evaluator(Heap& heap, const Clock* clock, std::string_view source, const Dict& variables);

  [[nodiscard]] Result<std::string> run(const Tree& tree);

 private:
  enum class Flow { normal, breaks, continues };

  [[nodiscard]] Result<Value> evaluate(const Expression& expression);
  [[nodiscard]] Result<Value> evaluate_node(const Literal& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Name& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const SequenceLiteral& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const DictLiteral& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Attribute& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Subscript& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Slice& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Call& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Filter& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Test& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Not& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Sign& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Binary& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Concatenation& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Logical& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const ComparisonChain& node, int line);
  [[nodiscard]] Result<Value> evaluate_node(const Conditional& node, int line);
  [[nodiscard]] Result<Value> evaluate_bound(ExpressionRef bound);
  [[nodiscard]] Result<Arguments> evaluate_arguments(const ArgumentList& list);

  [[nodiscard]] Result<Value> call_named(const NamedCall& named, const Value& input,
                                         std::string_view kind);
  [[nodiscard]] Result<Value> call_macro(const Callable& macro, const Arguments& arguments,
                                         int line);
  [[nodiscard]] Status bind_parameters(const Macro& macro, const Arguments& arguments, Scope& scope,
                                       int line);
  [[nodiscard]] Status bind_rest(const Macro& macro, const Arguments& arguments,
                                 const std::vector<bool>& used);
  [[nodiscard]] Result<Value> bind_parameter(const Macro& macro, std::size_t index,
                                             const Arguments& arguments, std::vector<bool>& used,
                                             Scope& scope);

  [[nodiscard]] Result<Flow> execute(const Body& body, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const Text& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const Print& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const If& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const For& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const Set& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const SetBlock& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const FilterBlock& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const With& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const Macro& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const Break& node, int line, TextBuilder& out);
  [[nodiscard]] Result<Flow> execute_node(const Continue& node, int line, TextBuilder& out);
  [[nodiscard]] Result<std::vector<Value>> loop_items(const For& node, int line);
  // The text of a body with variables of its own, after `filters`.
  [[nodiscard]] Result<Value> captured(const Body& body, const std::vector<NamedCall>& filters);

  [[nodiscard]] Status assign(const Target& target, const Value& value, int line);
  [[nodiscard]] Status assign_name(std::string_view name, const Value& value);
  [[nodiscard]] Status assign_attribute(const Target& target, const Value& value);
  [[nodiscard]] const Value* find_variable(std::string_view name) const;

  [[nodiscard]] Error at_line(int line, Error error) const;
  // The value, or its error with the line. A template's own exception stays as it is.
  template <class T>
  [[nodiscard]] Result<T> located(int line, Result<T> result) const {
    if (!result) return std::unexpected(at_line(line, std::move(result).error()));
    return result;
  }
  [[nodiscard]] Status check_output(const TextBuilder& out) const;

  class InScope;
  class Level;

  Heap& heap_;
  const Clock* clock_;
  std::string_view source_;
  Scope* scope_;
  std::size_t depth_ = 0;
};

}  // namespace wattle::engine::jinja
