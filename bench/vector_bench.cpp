// Norms, activations, rotations, softmax and conversions: vectors that the first caches hold.
#include <benchmark/benchmark.h>

#include <functional>
#include <vector>

#include "kernel_rates.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kWidth = 2048;   // d_model
constexpr std::size_t kVocab = 32000;  // of a row of logits
constexpr double kFloat = sizeof(float);

struct Vectors {
  std::vector<float> x = std::vector<float>(kVocab, 0.5F);
  std::vector<float> y = std::vector<float>(kVocab, 0.25F);
  std::vector<float> z = std::vector<float>(kVocab, 0.125F);
  std::vector<float> out = std::vector<float>(kVocab);
  std::vector<std::uint16_t> half = std::vector<std::uint16_t>(kVocab);
  std::vector<std::int8_t> small = std::vector<std::int8_t>(kVocab);
};

struct VectorKernel {
  const char* name;
  std::size_t n;             // elements
  double bytes_per_element;  // read and written
  double operations_per_element;
  std::function<void(const Kernels& k, Vectors& v, std::size_t n)> run;
};

// Additions and multiplications of the formula in kernels.hpp; none where it has exponentials.
const std::vector<VectorKernel>& vector_kernels() {
  static const std::vector<VectorKernel> all = {
      {"rms_norm", kWidth, 3 * kFloat, 4,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         k.rms_norm(v.x.data(), v.y.data(), 1e-5F, n, v.out.data());
       }},
      {"layer_norm", kWidth, 4 * kFloat, 8,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         k.layer_norm(v.x.data(), v.y.data(), v.z.data(), 1e-5F, n, v.out.data());
       }},
      {"add", kWidth, 3 * kFloat, 1,
       [](const Kernels& k, Vectors& v, std::size_t n) { k.add(v.out.data(), v.z.data(), n); }},
      {"silu_multiply", kWidth, 3 * kFloat, 0,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         k.silu_multiply(v.out.data(), v.y.data(), n);
       }},
      {"gelu_multiply", kWidth, 3 * kFloat, 0,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         k.gelu_multiply(v.out.data(), v.y.data(), n);
       }},
      {"soft_cap", kWidth, 2 * kFloat, 0,
       [](const Kernels& k, Vectors& v, std::size_t n) { k.soft_cap(v.out.data(), 30.0F, n); }},
      // A pair reads its angle and is read and written: 6 operations for two elements.
      {"rope_interleaved", kWidth, 3 * kFloat, 3,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         k.rope_interleaved(v.out.data(), v.y.data(), v.z.data(), n / 2);
       }},
      {"rope_half_split", kWidth, 3 * kFloat, 3,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         k.rope_half_split(v.out.data(), v.y.data(), v.z.data(), n / 2);
       }},
      {"softmax_stats", kVocab, 2 * kFloat, 0,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         benchmark::DoNotOptimize(k.softmax_stats(v.x.data(), n));
       }},
      {"to_f16", kWidth, kFloat + 2, 0,
       [](const Kernels& k, Vectors& v, std::size_t n) { k.to_f16(v.x.data(), n, v.half.data()); }},
      {"to_i8", kWidth, kFloat + 1, 0,
       [](const Kernels& k, Vectors& v, std::size_t n) {
         benchmark::DoNotOptimize(k.to_i8(v.x.data(), n, v.small.data()));
       }},
  };
  return all;
}

void vector_kernel(benchmark::State& state, Isa isa, const VectorKernel& kernel) {
  Vectors vectors;
  for (auto _ : state) {
    kernel.run(kernels_for(isa), vectors, kernel.n);
    benchmark::ClobberMemory();
  }
  const auto n = static_cast<double>(kernel.n);
  report_rates(
      state, isa,
      {.bytes = n * kernel.bytes_per_element, .operations = n * kernel.operations_per_element},
      Against::cache);
}

[[maybe_unused]] const bool registered = [] {
  for (const Isa isa : available_isas()) {
    for (const VectorKernel& kernel : vector_kernels()) {
      benchmark::RegisterBenchmark(
          benchmark_name(kernel.name, isa).c_str(),
          [isa, &kernel](benchmark::State& state) { vector_kernel(state, isa, kernel); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace wattle::engine
