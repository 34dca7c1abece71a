#include "learn/train.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <array>
#include <system_error>

#include "learn/trainer_entry.hpp"

namespace wattle::learn {
namespace {
namespace fs = std::filesystem;
constexpr const char* kLibrary = "libwattle_trainer.so";

// Beside the program as built (bin/../lib) or installed.
fs::path library_path() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path(kLibrary) : program.parent_path().parent_path() / "lib" / kLibrary;
}

// OpenBLAS asks this when it is loaded. Debian's release does not know newer processors and then
// uses kernels of half the speed or less.
void choose_openblas_kernels() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
    ::setenv("OPENBLAS_CORETYPE", "SKYLAKEX", /*overwrite=*/0);
  }
#endif
}
}  // namespace

bool trainer_available() {
  std::error_code error;
  return fs::exists(library_path(), error);
}

Result<TrainReport> train(const TrainOptions& options, const Clock& clock) {
  if (!trainer_available()) {
    return fail(ErrorCode::unavailable,
                fmt::format("cannot train: {} is missing, this wattle was built without libtorch",
                            library_path().string()),
                "install the training stack with script/setup --all and build again");
  }
  choose_openblas_kernels();
  void* library = ::dlopen(library_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    return fail(ErrorCode::unavailable,
                fmt::format("cannot train: {}", reason != nullptr ? reason : "dlopen failed"),
                "install the training stack with script/setup --all and build again");
  }
  const auto entry = reinterpret_cast<TrainerEntry>(::dlsym(library, kTrainerEntryName));
  if (entry == nullptr) {
    return fail(ErrorCode::unavailable,
                fmt::format("cannot train: {} is of another version", library_path().string()),
                "build again");
  }
  return entry(options, clock);  // the library stays loaded: libtorch cannot be unloaded
}

}  // namespace wattle::learn
