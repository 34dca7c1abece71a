#pragma once
// A parsed template. Nodes live in the Tree and point at each other; texts point into the source
// or the Tree.

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/template/callable.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/value.hpp"

namespace wattle::engine::jinja {

struct Expression;
struct Statement;
using ExpressionRef = const Expression*;
using Body = std::vector<const Statement*>;

struct ArgumentList {
  std::vector<ExpressionRef> positional;
  std::vector<std::pair<std::string_view, ExpressionRef>> named;
};

// A built-in that is not covered is an error only where the template comes to use it.
struct NamedCall {
  std::string_view name;
  Function function = nullptr;  // nullptr: not covered
  ArgumentList arguments;
  int line = 0;
};

struct Literal {
  Value value;
};
struct Name {
  std::string_view name;
};
struct SequenceLiteral {
  std::vector<ExpressionRef> items;
  bool is_tuple = false;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionRef, ExpressionRef>> entries;
};
struct Attribute {
  ExpressionRef object;
  std::string_view name;
};
struct Subscript {
  ExpressionRef object;
  ExpressionRef key;
};
struct Slice {  // a bound that is left out is nullptr
  ExpressionRef object;
  ExpressionRef start;
  ExpressionRef stop;
  ExpressionRef step;
};
struct Call {
  ExpressionRef callee;
  ArgumentList arguments;
};
struct Filter {
  ExpressionRef input;
  NamedCall filter;
};
struct Test {
  ExpressionRef input;
  NamedCall test;
};
struct Not {
  ExpressionRef operand;
};
struct Sign {
  bool negative;
  ExpressionRef operand;
};
struct Binary {
  Arithmetic op;
  ExpressionRef left;
  ExpressionRef right;
};
struct Concatenation {
  std::vector<ExpressionRef> parts;
};
struct Logical {  // gives the operand that decides
  bool is_and;
  ExpressionRef left;
  ExpressionRef right;
};
struct ComparisonChain {
  ExpressionRef first;
  std::vector<std::pair<Comparison, ExpressionRef>> rest;
};
struct Conditional {
  ExpressionRef condition;
  ExpressionRef value;
  ExpressionRef otherwise;  // nullptr: undefined
};

struct Expression {
  std::variant<Literal, Name, SequenceLiteral, DictLiteral, Attribute, Subscript, Slice, Call,
               Filter, Test, Not, Sign, Binary, Concatenation, Logical, ComparisonChain,
               Conditional>
      node;
  int line = 0;
};

// What is assigned to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string_view name;
  std::string_view attribute;  // empty: the name itself
  std::vector<Target> parts;
  bool is_tuple = false;
};

struct Text {
  std::string_view text;
};
struct Print {
  ExpressionRef value;
};
struct If {
  std::vector<std::pair<ExpressionRef, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExpressionRef iterable;
  ExpressionRef condition;  // nullptr: every item
  Body body;
  Body otherwise;
  bool defines_macros = false;  // in the body: they keep the variables of their iteration
};
struct Set {
  Target target;
  ExpressionRef value;
};
struct SetBlock {
  Target target;
  std::vector<NamedCall> filters;
  Body body;
};
struct FilterBlock {
  std::vector<NamedCall> filters;
  Body body;
};
struct With {  // also {% generation %}, which assigns nothing
  std::vector<std::pair<Target, ExpressionRef>> assignments;
  Body body;
};
struct Macro {
  std::string_view name;
  std::vector<std::pair<std::string_view, ExpressionRef>> parameters;  // nullptr: no default
  Body body;
  bool takes_more_positional = false;  // it mentions `varargs`
  bool takes_more_named = false;       // it mentions `kwargs`
};
struct Break {};
struct Continue {};

struct Statement {
  std::variant<Text, Print, If, For, Set, SetBlock, FilterBlock, With, Macro, Break, Continue> node;
  int line = 0;
};

struct Tree {
  std::string source;
  std::deque<std::string> texts;  // literals with escapes
  std::deque<Expression> expressions;
  std::deque<Statement> statements;
  Body body;

  Tree() = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
};

}  // namespace wattle::engine::jinja
