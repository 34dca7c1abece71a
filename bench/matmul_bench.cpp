// Products with weights, what prepares activations for them, and attention. One token: the weights
// come from memory. Several: a few rows that stay in the cache, so that the arithmetic is the
// limit.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/buffer.hpp"
#include "kernel_rates.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kColumns = 2048;
constexpr std::size_t kBlocks = kColumns / kQuantBlock;
constexpr std::size_t kCachedRows = 128;

struct PackedCase {
  PackedType type;
  const char* name;
};
constexpr PackedCase kPackedCases[] = {
    {PackedType::q4, "q4"},
    {PackedType::q5, "q5"},
    {PackedType::q8, "q8"},
    {PackedType::q4_min, "q4_min"},
    {PackedType::q5_min, "q5_min"},
    {PackedType::q8_halves, "q8_halves"},
    {PackedType::q8_halves_min, "q8_halves_min"},
    {PackedType::q4_super, "q4_super"},
    {PackedType::q5_super, "q5_super"},
    {PackedType::q6_super, "q6_super"},
    {PackedType::q4_min_128, "q4_min_128"},
};

void matmul_packed(benchmark::State& state, Isa isa, const PackedCase& packed,
                   std::size_t n_tokens) {
  const PackedLayout& layout = kPackedLayouts[static_cast<std::size_t>(packed.type)];
  const std::size_t n_groups =
      n_tokens == 1 ? large_bytes(isa) / (kBlocks * layout.quant_bytes) : kCachedRows / kRowGroup;
  const std::size_t scale_bytes = n_groups * kBlocks / layout.unit_blocks * layout.scale_bytes;
  const std::vector<std::uint8_t> scales(scale_bytes, 0x20);  // about 2⁻⁷ as f16
  const PackedRows rows = {packed.type,   reinterpret_cast<const std::uint8_t*>(large_memory()),
                           scales.data(), n_groups,
                           kBlocks,       n_groups * kRowGroup};
  ActivationBlock block{};
  for (auto& q : block.q) q = 3;
  block.d = 0.01F;
  const std::vector<ActivationBlock> x(kBlocks * n_tokens, block);
  std::vector<float> out(n_tokens * rows.n_rows);
  for (auto _ : state) {
    kernels_for(isa).matmul_packed(rows, x.data(), n_tokens, out.data(), rows.n_rows);
    benchmark::ClobberMemory();
  }
  const auto blocks = static_cast<double>(n_groups * kBlocks);
  report_rates(
      state, isa,
      {.bytes = blocks * static_cast<double>(layout.quant_bytes) + static_cast<double>(scale_bytes),
       .operations = 2.0 * blocks * static_cast<double>(kRowGroup * kQuantBlock * n_tokens)},
      n_tokens == 1 ? Against::memory : Against::int8);
}

void matmul_float(benchmark::State& state, Isa isa, FloatType type, std::size_t n_tokens) {
  const std::size_t row_bytes = kColumns * (type == FloatType::f32 ? 4 : 2);
  const std::size_t n_rows = n_tokens == 1 ? large_bytes(isa) / row_bytes : kCachedRows;
  const std::vector<float> x(n_tokens * kColumns, 0.5F);
  std::vector<float> out(n_tokens * n_rows);
  for (auto _ : state) {
    kernels_for(isa).matmul_float({type, large_memory(), row_bytes, n_rows, kColumns}, x.data(),
                                  kColumns, n_tokens, out.data(), n_rows);
    benchmark::ClobberMemory();
  }
  report_rates(state, isa,
               {.bytes = static_cast<double>(n_rows * row_bytes),
                .operations = 2.0 * static_cast<double>(n_rows * kColumns * n_tokens)},
               n_tokens == 1 ? Against::memory : Against::f32);
}

void matmul_i16(benchmark::State& state, Isa isa, std::size_t n_tokens) {
  constexpr std::size_t kBlockBytes = kRowGroup * kQuantBlock * sizeof(std::int16_t);
  const std::size_t n_groups =
      n_tokens == 1 ? large_bytes(isa) / (kBlocks * kBlockBytes) : kCachedRows / kRowGroup;
  const std::vector<std::uint8_t> exponents(n_groups * kBlocks * kRowGroup, 120);
  const RowsI16 rows = {reinterpret_cast<const std::int16_t*>(large_memory()), exponents.data(),
                        kBlocks, n_groups * kRowGroup};
  ActivationBlockI16 block{};
  for (auto& q : block.q) q = 300;
  block.scale = 0.01F;
  const std::vector<ActivationBlockI16> x(kBlocks * n_tokens, block);
  std::vector<float> out(n_tokens * rows.n_rows);
  for (auto _ : state) {
    kernels_for(isa).matmul_i16(rows, x.data(), n_tokens, out.data(), rows.n_rows);
    benchmark::ClobberMemory();
  }
  const auto blocks = static_cast<double>(n_groups * kBlocks);
  report_rates(
      state, isa,
      {.bytes = blocks * static_cast<double>(kBlockBytes + kRowGroup),
       .operations = 2.0 * blocks * static_cast<double>(kRowGroup * kQuantBlock * n_tokens)},
      n_tokens == 1 ? Against::memory : Against::int16);
}

// `kernel`: makes one kind of blocks.
template <class Block>
void quantize(benchmark::State& state, Isa isa,
              void (*Kernels::*kernel)(const float*, std::size_t, Block*), std::size_t n_tokens) {
  const std::vector<float> x(n_tokens * kColumns, 0.5F);
  std::vector<Block> out(n_tokens * kBlocks);
  for (auto _ : state) {
    (kernels_for(isa).*kernel)(x.data(), out.size(), out.data());
    benchmark::ClobberMemory();
  }
  report_rates(state, isa, {.bytes = static_cast<double>(x.size() * sizeof(float))},
               Against::cache);
}

// One KV head of 64 dimensions that 4 query heads share.
void attention(benchmark::State& state, Isa isa, KvElement element, std::size_t n_positions) {
  constexpr std::size_t kDim = 64;
  constexpr std::size_t kHeads = 4;
  constexpr std::size_t kPage = 64;
  const std::size_t bytes = element == KvElement::f32 ? 4 : element == KvElement::f16 ? 2 : 1;
  const std::size_t part = kPage * kDim * bytes;
  const std::size_t page_bytes = 2 * part + 2 * kPage * sizeof(float);
  std::vector<const std::byte*> pages;
  for (std::size_t p = 0; p < n_positions; p += kPage) {
    pages.push_back(large_memory() + p / kPage * page_bytes);
  }
  const std::vector<float> q(kHeads * kDim, 0.1F);
  std::vector<float> scratch(kHeads * (n_positions + kDim) + kAttentionTile * kDim);
  std::vector<float> out(kHeads * kDim);
  AttentionArgs args{};
  args.q = q.data();
  args.head_stride = args.head_dim = args.value_stride = kDim;
  args.n_tokens = 1;
  args.n_q = kHeads;
  args.pages = pages.data();
  args.page_positions = kPage;
  args.values = part;
  args.key_scales = 2 * part;
  args.value_scales = 2 * part + kPage * sizeof(float);
  args.element = element;
  args.n_positions = args.score_stride = n_positions;
  args.scale = 0.125F;
  args.scratch = scratch.data();
  args.out = out.data();
  for (auto _ : state) {
    kernels_for(isa).attention(args);
    benchmark::ClobberMemory();
  }
  const auto elements = static_cast<double>(n_positions * kDim);
  report_rates(state, isa,
               {.bytes = 2.0 * elements * static_cast<double>(bytes),
                .operations = 4.0 * elements * static_cast<double>(kHeads)},
               Against::f32);
}

// `run` with its arguments as a benchmark of this name.
template <class Run, class... Arguments>
void add(const std::string& name, Isa isa, Run run, Arguments... arguments) {
  benchmark::RegisterBenchmark(benchmark_name(name, isa).c_str(),
                               [=](benchmark::State& state) { run(state, isa, arguments...); });
}

void add_i16(Isa isa) {
  for (const std::size_t n : {1U, 4U, 64U}) {
    add("matmul_i16/" + std::to_string(n), isa, matmul_i16, n);
  }
  for (const std::size_t n : {1U, 16U}) {
    add("quantize_i16/" + std::to_string(n), isa, quantize<ActivationBlockI16>,
        &Kernels::quantize_i16, n);
  }
}

void add_all(Isa isa) {
  for (const PackedCase& packed : kPackedCases) {
    for (const std::size_t n : {1U, 4U, 32U}) {
      add("matmul_packed/" + std::string(packed.name) + "/" + std::to_string(n), isa, matmul_packed,
          packed, n);
    }
  }
  for (const auto& [type, text] :
       {std::pair(FloatType::f32, "f32"), {FloatType::f16, "f16"}, {FloatType::bf16, "bf16"}}) {
    for (const std::size_t n : {1U, 4U, 64U}) {
      add("matmul_float/" + std::string(text) + "/" + std::to_string(n), isa, matmul_float, type,
          n);
    }
  }
  for (const std::size_t n : {1U, 16U}) {
    add("quantize/" + std::to_string(n), isa, quantize<ActivationBlock>, &Kernels::quantize, n);
  }
  if (kernels_for(isa).matmul_i16 != nullptr) add_i16(isa);
  for (const auto& [element, text] :
       {std::pair(KvElement::f16, "f16"), {KvElement::f32, "f32"}, {KvElement::i8, "i8"}}) {
    for (const std::size_t n : {128U, 1024U, 4096U}) {
      add("attention/" + std::string(text) + "/" + std::to_string(n), isa, attention, element, n);
    }
  }
}

[[maybe_unused]] const bool registered = [] {
  for (const Isa isa : available_isas()) add_all(isa);
  return true;
}();

}  // namespace
}  // namespace wattle::engine
