// Speed of the matrix kernels, one thread, per instruction set: GB/s of weights for one token (what
// decoding needs; the matrix is larger than the caches), multiply-add operations per second for
// many.
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <vector>

#include "engine/buffer.hpp"
#include "engine/kernels/isa.hpp"

namespace wattle::engine {
namespace {

struct PackedProblem {
  PackedType type;
  std::size_t n_groups, n_blocks, n_tokens;
  Buffer memory;
  PackedRows rows{};
  std::vector<ActivationBlock> x;
  std::vector<float> out;

  PackedProblem(PackedType packed_type, std::size_t groups, std::size_t blocks, std::size_t tokens)
      : type(packed_type), n_groups(groups), n_blocks(blocks), n_tokens(tokens) {
    const std::size_t quant_bytes = n_groups * n_blocks * (type == PackedType::q4 ? 256 : 512);
    memory = *Buffer::create(quant_bytes + n_groups * n_blocks * 32, "benchmark weights", "");
    std::mt19937 random(1);
    auto* words = memory.as<std::uint32_t>();
    for (std::size_t i = 0; i < quant_bytes / 4; ++i)
      words[i] = static_cast<std::uint32_t>(random());
    auto* scales = reinterpret_cast<std::uint16_t*>(memory.data() + quant_bytes);
    for (std::size_t i = 0; i < n_groups * n_blocks * 16; ++i) scales[i] = 0x2000;  // 2⁻⁷
    rows = {type, memory.as<std::uint8_t>(), scales, n_groups, n_blocks, n_groups * kRowGroup};
    x.resize(n_blocks * n_tokens);
    for (auto& block : x) {
      for (auto& q : block.q) q = static_cast<std::int8_t>(random() % 255 - 127);
      block.d = 0.01F;
      block.minus_8_sum = block.minus_128_sum = 0;
    }
    out.resize(n_tokens * rows.n_rows);
  }
};

void packed(benchmark::State& state, Isa isa, PackedType type, std::size_t n_tokens) {
  const Kernels& kernels = kernels_for(isa);
  const std::size_t n_blocks = 2048 / kQuantBlock;
  // One token: 256 MB or more of weights. Many: a group of rows that stays in the cache.
  PackedProblem p(type, n_tokens == 1 ? 16384 : 8, n_blocks, n_tokens);
  for (auto _ : state) {
    kernels.matmul_packed(p.rows, p.x.data(), n_tokens, p.out.data(), p.rows.n_rows);
    benchmark::ClobberMemory();
  }
  const auto runs = static_cast<double>(state.iterations());
  const auto macs = static_cast<double>(p.rows.n_rows * n_blocks * kQuantBlock * n_tokens);
  state.counters["GOP/s"] = benchmark::Counter(2e-9 * macs * runs, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * static_cast<double>(p.memory.size()) * runs,
                                              benchmark::Counter::kIsRate);
}

void floats(benchmark::State& state, Isa isa, FloatType type, std::size_t n_tokens) {
  const Kernels& kernels = kernels_for(isa);
  const std::size_t n_cols = 2048;
  const std::size_t n_rows = n_tokens == 1 ? 65536 : 128;
  const std::size_t row_bytes = n_cols * (type == FloatType::f32 ? 4 : 2);
  const Buffer memory = *Buffer::create(n_rows * row_bytes, "benchmark weights", "");
  std::memset(memory.data(), 0x3C, memory.size());
  const std::vector<float> x(n_tokens * n_cols, 0.5F);
  std::vector<float> out(n_tokens * n_rows);
  for (auto _ : state) {
    kernels.matmul_float({type, memory.data(), row_bytes, n_rows, n_cols}, x.data(), n_cols,
                         n_tokens, out.data(), n_rows);
    benchmark::ClobberMemory();
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["GOP/s"] = benchmark::Counter(
      2e-9 * static_cast<double>(n_rows * n_cols * n_tokens) * runs, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * static_cast<double>(memory.size()) * runs,
                                              benchmark::Counter::kIsRate);
}

void read_memory(benchmark::State& state, Isa isa) {
  const std::size_t bytes = std::size_t{512} << 20U;
  const Buffer memory = *Buffer::create(bytes, "benchmark memory", "");
  std::memset(memory.data(), 1, bytes);
  for (auto _ : state) benchmark::DoNotOptimize(kernels_for(isa).read_all(memory.data(), bytes));
  state.counters["GB/s"] = benchmark::Counter(
      1e-9 * static_cast<double>(bytes) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

[[maybe_unused]] const bool registered = [] {
  for (const Isa isa : available_isas()) {
    const auto name = [isa](const std::string& what) { return what + "/" + isa_name(isa); };
    benchmark::RegisterBenchmark(name("read").c_str(), read_memory, isa);
    const std::size_t tile = kernels_for(isa).token_tile;
    for (const auto& [type, text] : {std::pair(PackedType::q4, "q4"), {PackedType::q8, "q8"}}) {
      benchmark::RegisterBenchmark(name(std::string(text) + "/gemv").c_str(), packed, isa, type, 1);
      benchmark::RegisterBenchmark(name(std::string(text) + "/gemm").c_str(), packed, isa, type,
                                   tile);
    }
    for (const auto& [type, text] :
         {std::pair(FloatType::f32, "f32"), {FloatType::f16, "f16"}, {FloatType::bf16, "bf16"}}) {
      benchmark::RegisterBenchmark(name(std::string(text) + "/gemv").c_str(), floats, isa, type, 1);
      benchmark::RegisterBenchmark(name(std::string(text) + "/gemm").c_str(), floats, isa, type,
                                   64);
    }
  }
  return true;
}();

}  // namespace
}  // namespace wattle::engine
