#pragma once
// Special tokens that are known by their text, whatever a file says about them.

#include <array>
#include <string_view>

namespace wattle::engine {

// Tokens that end a turn (or a text), the first found being the EOT of a file that names none.
// They are control tokens even where a converter marked them as ordinary ones.
inline constexpr std::array<std::string_view, 10> kEndOfTurnNames = {
    "<|eot_id|>",     // Llama 3
    "<|im_end|>",     // Qwen, SmolLM and others with ChatML
    "<|end|>",        // Phi-3
    "<end_of_turn>",  // Gemma
    "<end_of_utterance>",
    "<EOT>",
    "<｜end▁of▁sentence｜>",  // DeepSeek
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|return|>",
};
inline constexpr std::string_view kEndOfMessageName =
    "<|eom_id|>";  // Llama 3.1, before a tool's answer

}  // namespace wattle::engine
