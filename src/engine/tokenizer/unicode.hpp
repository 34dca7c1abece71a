#pragma once
// What tokenizers do to text as a whole: Unicode normal forms (UAX #15), lower case, accents. The
// library behind is named only in engine/platform/utf8proc/
// (docs/decisions/0004-utf8proc-for-normal-forms.md). Time is n log n at worst, whatever the text.

#include <string>
#include <string_view>

namespace wattle::engine {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

// `text` must be valid UTF-8; so is what comes back.
[[nodiscard]] std::string to_normal_form(std::string_view text, NormalForm form);

// Each character for itself, as the Unicode data say: no rules for languages or neighbours.
[[nodiscard]] std::string to_lower_case(std::string_view text);

// Without the characters of the category M (Mn, Mc, Me).
[[nodiscard]] std::string without_marks(std::string_view text);

}  // namespace wattle::engine
