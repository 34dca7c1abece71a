// Any text as a manifest: an error with a place, or a manifest within its limits; never a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lab/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = wattle::lab::parse_manifest(text, "fuzz.yaml", {"", false});
  if (!manifest) {
    if (!manifest.error().what.contains("fuzz.yaml")) std::abort();
    return 0;
  }
  if (manifest->models.empty() || manifest->suites.empty() || manifest->trials == 0) std::abort();
  if (manifest->precisions.empty() || manifest->exit_layers.empty()) std::abort();
  return 0;
}
