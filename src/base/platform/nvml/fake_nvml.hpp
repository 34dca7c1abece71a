#pragma once
// For tests: the state file of the simulated NVML (fake_nvml.cpp) and where that library lies. Only
// one at a time in a process.

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/test_folder.hpp"
#include "wattle_folders.hpp"

namespace wattle::nvml {

class FakeNvml {
 public:
  explicit FakeNvml(const std::string& state = {}) {
    ::setenv("WATTLE_FAKE_NVML_STATE", (folder_.path() / "state").c_str(), 1);
    set(state);
  }
  ~FakeNvml() { ::unsetenv("WATTLE_FAKE_NVML_STATE"); }
  FakeNvml(const FakeNvml&) = delete;
  FakeNvml& operator=(const FakeNvml&) = delete;

  // All of it: lines "key value".
  void set(const std::string& state) const { folder_.write("state", state); }

  [[nodiscard]] static std::filesystem::path library() { return folder("libwattle_fake_nvml.so"); }
  // Without what drivers before Volta's lack: energy, fields, event reasons, locked clocks.
  [[nodiscard]] static std::filesystem::path old_library() {
    return folder("libwattle_fake_nvml_old.so");
  }

 private:
  static std::filesystem::path folder(const char* name) {
    return std::filesystem::path(WATTLE_BINARY_DIR) / "lib" / name;
  }
  TestFolder folder_;
};

}  // namespace wattle::nvml
