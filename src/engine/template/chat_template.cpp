#include "engine/chat_template.hpp"

#include <fmt/format.h>

#include <limits>

#include "engine/template/evaluator.hpp"
#include "engine/template/parser.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

using jinja::Heap;
using jinja::Value;

// JSON's values as the template's. Texts stay where they are.
class Converter {
 public:
  explicit Converter(Heap& heap) : heap_(heap) {}

  Result<Value> convert(const Json& json) {
    switch (json.type()) {
      case Json::value_t::null:
        return jinja::None{};
      case Json::value_t::boolean:
        return json.get<bool>();
      case Json::value_t::number_integer:
        return json.get<std::int64_t>();
      case Json::value_t::number_unsigned:
        return number(json.get<std::uint64_t>());
      case Json::value_t::number_float:
        return json.get<double>();
      case Json::value_t::string:
        return std::string_view(json.get_ref<const std::string&>());
      case Json::value_t::array:
      case Json::value_t::object:
        return container(json);
      default:
        return fail(ErrorCode::invalid_format, "the variables of a template must be JSON values");
    }
  }

 private:
  static Value number(std::uint64_t unsigned_number) {
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (unsigned_number > kLargest) return static_cast<double>(unsigned_number);
    return static_cast<std::int64_t>(unsigned_number);
  }

  Result<Value> container(const Json& json) {
    if (++depth_ > heap_.limits().depth) {
      return fail(ErrorCode::resource_exhausted,
                  "the variables of the template are nested too deeply");
    }
    auto value = json.is_object() ? object(json) : array(json);
    --depth_;
    return value;
  }

  Result<Value> array(const Json& json) {
    std::vector<Value> items;
    items.reserve(json.size());
    for (const auto& element : json) {
      WATTLE_TRY(const Value item, convert(element));
      items.push_back(item);
    }
    return heap_.sequence(std::move(items));
  }

  Result<Value> object(const Json& json) {
    jinja::Dict* dict = heap_.dict();
    for (auto entry = json.begin(); entry != json.end(); ++entry) {
      WATTLE_TRY(const Value value, convert(entry.value()));
      dict->set(std::string_view(entry.key()), value);
    }
    return dict;
  }

  Heap& heap_;
  std::size_t depth_ = 0;
};

// What Hugging Face sets in any case.
void set_absent(jinja::Dict& variables, std::string_view name, const Value& value) {
  if (variables.find(name) == nullptr) variables.set(name, value);
}

}  // namespace

struct ChatTemplate::Parsed {
  std::unique_ptr<const jinja::Tree> tree;
  std::string source;
  TemplateLimits limits;
};

Result<ChatTemplate> ChatTemplate::parse(std::string_view text, std::string source,
                                         const TemplateLimits& limits) {
  if (text.size() > limits.template_bytes) {
    return fail(ErrorCode::resource_exhausted,
                fmt::format("{} has {} bytes, the limit is {}", source, text.size(),
                            limits.template_bytes));
  }
  if (const std::size_t valid = utf8_valid_prefix(text); valid != text.size()) {
    return fail(ErrorCode::invalid_format,
                fmt::format("{} is not UTF-8: byte {} begins no character", source, valid));
  }
  auto tree = jinja::parse_template(text);
  if (!tree) {
    const auto& error = tree.error();
    return fail(
        error.code, fmt::format("{}, line {}: {}", source, error.line, error.what),
        error.code == ErrorCode::unsupported ? "docs/chat-templates.md lists what is covered" : "");
  }
  return ChatTemplate(
      std::make_shared<const Parsed>(Parsed{std::move(*tree), std::move(source), limits}));
}

Result<std::string> ChatTemplate::render(const Json& variables, const Clock* clock) const {
  if (!variables.is_object()) {
    return fail(ErrorCode::invalid_format, "the variables of a template must be a JSON object");
  }
  Heap heap(parsed_->limits);
  WATTLE_TRY(const Value converted, Converter(heap).convert(variables));
  jinja::Dict& names = *jinja::as_dict(converted);
  set_absent(names, "tools", jinja::None{});
  set_absent(names, "documents", jinja::None{});
  set_absent(names, "add_generation_prompt", false);
  return jinja::Evaluator(heap, clock, parsed_->source, names).run(*parsed_->tree);
}

Json template_tokens(const Tokenizer& tokenizer) {
  const SpecialTokens& special = tokenizer.special();
  Json tokens = Json::object();
  const auto set = [&](const char* name, const std::optional<TokenId>& id) {
    if (id) tokens[name] = tokenizer.piece(*id, true);
  };
  set("bos_token", special.bos);
  set("eos_token", special.eos);
  set("unk_token", special.unknown);
  set("pad_token", special.padding);
  return tokens;
}

}  // namespace wattle::engine
