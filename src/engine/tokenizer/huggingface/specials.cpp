#include "engine/tokenizer/huggingface/specials.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/tokenizer/well_known_tokens.hpp"

namespace wattle::engine::huggingface {
namespace {

constexpr const char* kRemedy = "Take all files from the same version of the model";

class Finder {
 public:
  Finder(const Parts& parts, std::span<const TokenText> tokens,
         const SpecialTokenSettings& settings, const std::string& source)
      : parts_(parts), tokens_(tokens), settings_(settings), source_(source) {}

  Result<Specials> find() {
    SpecialTokens& special = found_.tokens;
    found_.around = parts_.around;
    WATTLE_CHECK(check_template());
    special.unknown = parts_.model.unknown();
    if (settings_.unknown) special.unknown = named(*settings_.unknown);
    if (settings_.padding) special.padding = named(*settings_.padding);
    if (!special.padding && settings_.padding_id && is_token(*settings_.padding_id)) {
      special.padding = static_cast<TokenId>(*settings_.padding_id);
    }
    WATTLE_CHECK(find_bos());
    WATTLE_CHECK(find_eos());
    WATTLE_CHECK(choose(settings_.add_bos, special.bos, "BOS", found_.around.before));
    WATTLE_CHECK(choose(settings_.add_eos, special.eos, "EOS", found_.around.behind));
    special.add_bos = !found_.around.before.empty();
    special.add_eos = !found_.around.behind.empty();
    find_well_known_names();
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool is_token(std::int64_t id) const {
    return id >= 0 && static_cast<std::uint64_t>(id) < tokens_.size();
  }

  [[nodiscard]] std::optional<TokenId> named(std::string_view name) const {
    for (const AddedToken& token : parts_.added) {
      if (token.content == name) return token.id;
    }
    return parts_.model.find(name);
  }

  [[nodiscard]] Result<TokenId> checked(std::int64_t id, const char* what) const {
    if (is_token(id)) return static_cast<TokenId>(id);
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot use {}: {} has the id {}, the vocabulary has tokens 0 to {}",
                            source_, what, id, tokens_.size() - 1),
                kRemedy);
  }

  Status check_template() const {
    for (const auto* ids : {&parts_.around.before, &parts_.around.behind}) {
      for (const TokenId id : *ids) {
        WATTLE_TRY([[maybe_unused]] const auto ok, checked(id, "a token of /post_processor"));
      }
    }
    return {};
  }

  Status find_bos() {
    auto& bos = found_.tokens.bos;
    if (settings_.bos) bos = named(*settings_.bos);
    if (!bos && !settings_.bos && settings_.bos_id) {
      WATTLE_TRY(bos, checked(*settings_.bos_id, "BOS"));
    }
    if (!bos && parts_.around.before.size() == 1) bos = parts_.around.before[0];
    return {};
  }

  Status find_eos() {
    auto& eos = found_.tokens.eos;
    for (const std::int64_t id : settings_.eos_ids) {
      WATTLE_TRY(const TokenId end, checked(id, "EOS"));
      found_.end_of_generation.push_back(end);
    }
    if (settings_.eos) {
      eos = named(*settings_.eos);
      if (!eos && found_.end_of_generation.empty()) {
        return fail(
            ErrorCode::invalid_format,
            fmt::format("cannot use {}: EOS is '{}', which is no token", source_, *settings_.eos),
            kRemedy);
      }
    }
    if (!eos && !found_.end_of_generation.empty()) eos = found_.end_of_generation[0];
    if (!eos && parts_.around.behind.size() == 1) eos = parts_.around.behind[0];
    return {};
  }

  // A setting goes before the template, which some folders leave behind unchanged.
  Status choose(const std::optional<bool>& asked, const std::optional<TokenId>& id,
                const char* name, std::vector<TokenId>& tokens) const {
    if (!asked) return {};
    if (!*asked) {
      tokens.clear();
    } else if (tokens.empty()) {
      if (!id) {
        return fail(ErrorCode::invalid_format,
                    fmt::format("cannot use {}: {} shall be added, but no token is named for it",
                                source_, name),
                    kRemedy);
      }
      tokens.push_back(*id);
    }
    return {};
  }

  void find_well_known_names() {
    SpecialTokens& special = found_.tokens;
    auto& ends = found_.end_of_generation;
    for (const std::string_view name : kEndOfTurnNames) {
      const auto id = named(name);
      if (!id) continue;
      if (!special.eot) special.eot = id;
      ends.push_back(*id);
    }
    special.eom = named(kEndOfMessageName);
    for (const auto& id : {special.eos, special.eom}) {
      if (id) ends.push_back(*id);
    }
    std::ranges::sort(ends);
    ends.erase(std::ranges::unique(ends).begin(), ends.end());
  }

  const Parts& parts_;
  std::span<const TokenText> tokens_;
  const SpecialTokenSettings& settings_;
  const std::string& source_;
  Specials found_;
};

}  // namespace

Result<Specials> find_specials(const Parts& parts, std::span<const TokenText> tokens,
                               const SpecialTokenSettings& settings, const std::string& source) {
  return Finder(parts, tokens, settings, source).find();
}

}  // namespace wattle::engine::huggingface
