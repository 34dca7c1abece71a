#include "lab/eval/answers.hpp"

#include <algorithm>
#include <map>

namespace wattle::lab {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && word != "a" && word != "an" && word != "the") words.push_back(word);
    word.clear();
  };
  for (const char c : text) {
    if (is_space(c)) {
      end_word();
    } else if (!is_punctuation(c)) {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  end_word();
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

double f1_of(const std::vector<std::string>& answer, const std::vector<std::string>& right) {
  if (answer.empty() || right.empty()) return answer.empty() && right.empty() ? 1.0 : 0.0;
  std::map<std::string_view, std::size_t> left;
  for (const std::string& word : right) left[word] += 1;
  std::size_t n_shared = 0;
  for (const std::string& word : answer) {
    const auto found = left.find(word);
    if (found == left.end() || found->second == 0) continue;
    found->second -= 1;
    n_shared += 1;
  }
  // 2PR/(P + R) with P = shared/answer, R = shared/right.
  return 2.0 * static_cast<double>(n_shared) / static_cast<double>(answer.size() + right.size());
}

template <class Score>
double best_of(std::span<const std::string> right, const Score& score) {
  double best = 0.0;
  for (const std::string& text : right) best = std::max(best, score(words_of(text)));
  return best;
}

}  // namespace

std::string normalize_answer(std::string_view text) {
  return joined(words_of(text));
}

double exact_match(std::string_view answer, std::span<const std::string> right) {
  const auto words = words_of(answer);
  return best_of(right, [&](const auto& wanted) { return wanted == words ? 1.0 : 0.0; });
}

double contains_match(std::string_view answer, std::span<const std::string> right) {
  const auto words = words_of(answer);
  return best_of(right, [&](const auto& wanted) {
    return std::ranges::search(words, wanted).begin() != words.end() ||
                   (wanted.empty() && words.empty())
               ? 1.0
               : 0.0;
  });
}

double f1_match(std::string_view answer, std::span<const std::string> right) {
  const auto words = words_of(answer);
  return best_of(right, [&](const auto& wanted) { return f1_of(words, wanted); });
}

}  // namespace wattle::lab
