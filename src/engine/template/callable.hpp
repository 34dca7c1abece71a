#pragma once
// What a template can call: built-in functions, filters, tests and methods share one signature;
// macros are run by the evaluator.

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/template/value.hpp"

namespace wattle::engine::jinja {

class Heap;
struct Macro;

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
};

struct Invocation {
  Heap& heap;
  const Clock* clock;     // nullptr: time is not to be known
  std::string_view name;  // of the function, for errors
  Value input;            // what is filtered or tested; the object of a method; else undefined
  const Arguments& arguments;
};
// Errors are without the line; the evaluator adds it.
using Function = Result<Value> (*)(const Invocation& call);

struct Scope {
  Scope* parent = nullptr;
  Dict variables;
};

struct Callable {
  std::string_view name;
  Function function = nullptr;
  Value self;                    // of a bound method
  const Macro* macro = nullptr;  // instead of `function`
  Scope* scope = nullptr;        // where the macro was defined
};

// The arguments in the order of the parameters' names; nullptr where none was given.
inline constexpr std::size_t kMaxParameters = 6;
using Given = std::array<const Value*, kMaxParameters>;
// An error for too many, unknown, double or missing (`n_required`) arguments.
[[nodiscard]] Result<Given> bind(const Invocation& call, std::initializer_list<const char*> names,
                                 std::size_t n_required = 0);

// nullptr gives the default; a value of another type is an error that names the parameter.
[[nodiscard]] Result<std::int64_t> integer_or(const Invocation& call, const Value* given,
                                              std::int64_t otherwise);
[[nodiscard]] Result<std::string_view> text_or(const Invocation& call, const Value* given,
                                               std::string_view otherwise);
[[nodiscard]] bool truth_or(const Value* given, bool otherwise);
// The text that the object of a method is.
[[nodiscard]] std::string_view self_text(const Invocation& call);

// Python's TypeError and ValueError: the template does what these values do not allow.
[[nodiscard]] std::unexpected<Error> cannot(std::string what);
// Something of Jinja or Python that is not covered.
[[nodiscard]] std::unexpected<Error> not_covered(std::string what);

// By name; nullptr if there is none.
[[nodiscard]] Function find_filter(std::string_view name);
[[nodiscard]] Function find_test(std::string_view name);
[[nodiscard]] Function find_method(const Value& object, std::string_view name);
[[nodiscard]] const Callable* find_global(std::string_view name, const Clock* clock);

}  // namespace wattle::engine::jinja
