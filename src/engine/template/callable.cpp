#include "engine/template/callable.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::engine::jinja {

Result<Given> bind(const Invocation& call, std::initializer_list<const char*> names,
                   std::size_t n_required) {
  Given given{};
  const auto& [positional, named] = call.arguments;
  if (positional.size() > names.size()) {
    return cannot(fmt::format("{}() takes at most {} arguments ({} given)", call.name, names.size(),
                              positional.size()));
  }
  for (std::size_t i = 0; i < positional.size(); ++i) given[i] = &positional[i];
  for (const auto& [name, value] : named) {
    const auto* place = std::ranges::find(names, name);
    if (place == names.end()) {
      return cannot(fmt::format("{}() got an unexpected keyword argument '{}'", call.name, name));
    }
    auto& slot = given[static_cast<std::size_t>(place - names.begin())];
    if (slot != nullptr) {
      return cannot(fmt::format("{}() got multiple values for argument '{}'", call.name, name));
    }
    slot = &value;
  }
  for (std::size_t i = 0; i < n_required; ++i) {
    if (given[i] == nullptr) {
      return cannot(fmt::format("{}() needs the argument '{}'", call.name, names.begin()[i]));
    }
  }
  return given;
}

Result<std::int64_t> integer_or(const Invocation& call, const Value* given,
                                std::int64_t otherwise) {
  if (given == nullptr) return otherwise;
  if (is_undefined(*given)) return cannot(missing_message(std::get<Undefined>(*given)));
  if (const auto integer = as_integer(*given)) return *integer;
  return cannot(fmt::format("{}() needs an integer, not '{}'", call.name, type_name(*given)));
}

Result<std::string_view> text_or(const Invocation& call, const Value* given,
                                 std::string_view otherwise) {
  if (given == nullptr) return otherwise;
  if (is_undefined(*given)) return cannot(missing_message(std::get<Undefined>(*given)));
  if (const auto* text = as_text(*given)) return *text;
  return cannot(fmt::format("{}() needs a string, not '{}'", call.name, type_name(*given)));
}

bool truth_or(const Value* given, bool otherwise) {
  return given != nullptr ? is_true(*given) : otherwise;
}

std::string_view self_text(const Invocation& call) {
  const auto* text = as_text(call.input);
  return text != nullptr ? *text : std::string_view();
}

std::unexpected<Error> cannot(std::string what) {
  return fail(ErrorCode::invalid_format, std::move(what));
}

std::unexpected<Error> not_covered(std::string what) {
  return fail(ErrorCode::unsupported, std::move(what),
              "docs/chat-templates.md lists what is covered");
}

}  // namespace wattle::engine::jinja
