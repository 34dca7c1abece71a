#pragma once
// How right an answer is. Definitions: docs/evaluation.md.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wattle::lab {

// As SQuAD's evaluation script (Rajpurkar et al. 2016): lower case, no ASCII punctuation, no words
// "a", "an" and "the", words separated by one space. Any bytes are taken.
[[nodiscard]] std::string normalize_answer(std::string_view text);

// Each 0 to 1, the best over the right answers; 0 if there are none.
// Equal after normalisation.
[[nodiscard]] double exact_match(std::string_view answer, std::span<const std::string> right);
// The normalised right answer occurs in the normalised answer, as whole words.
[[nodiscard]] double contains_match(std::string_view answer, std::span<const std::string> right);
// Harmonic mean of precision and recall over the words, as a multiset. Where one side has no words,
// 1 if the other has none either, else 0 (as SQuAD 2.0's script).
[[nodiscard]] double f1_match(std::string_view answer, std::span<const std::string> right);

}  // namespace wattle::lab
