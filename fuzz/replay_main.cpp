// Runs a fuzz target over the files of a folder: what every build without libFuzzer does.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "base/atomic_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t n_inputs = 0;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i], error)) {
      if (!entry.is_regular_file()) continue;
      const auto bytes = wattle::read_file(entry.path());
      if (!bytes) continue;
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size());
      ++n_inputs;
    }
  }
  std::printf("%zu inputs replayed\n", n_inputs);
  return n_inputs > 0 ? 0 : 1;
}
