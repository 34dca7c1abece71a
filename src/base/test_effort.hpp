#pragma once
// For tests that repeat something at random: sanitizers want every line run, not every number.

namespace wattle {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// `n`, or a tenth of it in a sanitized build.
constexpr int rounds(int n) {
  return kSanitized ? (n + 9) / 10 : n;
}

}  // namespace wattle
