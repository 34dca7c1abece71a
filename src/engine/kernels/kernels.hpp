#pragma once
// The arithmetic of the engine as one table of functions per instruction set. The sources under
// isa/ are written once and compiled once per instruction set; which table is used is decided at
// run time (isa.hpp).
//
// Determinism: every output element is computed by one fixed sequence of operations that depends
// neither on how many tokens or rows are handed over in a call nor on their order, so results are
// the same bits for any thread count and any batch size. Different instruction sets may round
// differently.
//
// This header is included by sources compiled for instruction sets that the running CPU may lack:
// plain data and declarations only, no inline functions.

#include <cstddef>
#include <cstdint>

namespace wattle::engine {

// Rows of a packed matrix that are interleaved, so that one activation feeds all of them.
inline constexpr std::size_t kRowGroup = 16;
// Positions of the key cache that are interleaved.
inline constexpr std::size_t kKeyGroup = 16;
inline constexpr std::size_t kQuantBlock = 32;

// 32 activations in 8 bits: x ≈ d·q. A cache line. The sums undo the offset with which packed
// weights are made unsigned; the shifts belong to the minima.
struct alignas(64) ActivationBlock {
  std::int8_t q[kQuantBlock];
  float d;
  std::int32_t minus_8_sum;        // −8·Σq
  std::int32_t minus_128_sum;      // −128·Σq
  std::int32_t minus_128_half[2];  // likewise of columns 0–15 and 16–31
  float shift;                     // d·Σq
  float half_shift[2];             // likewise of columns 0–15 and 16–31
};

enum class FloatType { f32, f16, bf16 };

// How a packed weight is read; q is unsigned. `halves`: the 16 columns of each half of a block have
// a scale of their own. `super`: scales are products of an F16 of 256 columns and an integer.
enum class PackedType {
  q4,             // scale·(q − 8)
  q5,             // scale·(q − 16)
  q8,             // scale·(q − 128)
  q4_min,         // scale·q − min
  q5_min,         // scale·q − min
  q8_halves,      // scale·(q − 128)
  q8_halves_min,  // scale·q − min, q < 64
  q4_super,       // (d·s)·q − (dmin·m)
  q5_super,       // (d·s)·q − (dmin·m)
  q6_super,       // halves: (d·s)·(q − 32), s signed
  q4_min_128,     // scale·q − min, the same for 128 columns (AWQ)
};

struct PackedLayout {
  int bits;
  int zero;
  bool halves;
  bool mins;
  std::size_t quant_bytes;  // of a row group and block
  std::size_t unit_blocks;  // blocks that share a unit of scales
  std::size_t scale_bytes;  // of a row group and unit
};
inline constexpr PackedLayout kPackedLayouts[] = {
    {4, 8, false, false, 256, 1, 32},   {5, 16, false, false, 320, 1, 32},
    {8, 128, false, false, 512, 1, 32}, {4, 0, false, true, 256, 1, 64},
    {5, 0, false, true, 320, 1, 64},    {8, 128, true, false, 512, 1, 64},
    {8, 0, true, true, 512, 1, 128},    {4, 0, false, true, 256, 8, 320},
    {5, 0, false, true, 320, 8, 320},   {6, 32, true, false, 384, 8, 288},
    {4, 0, false, true, 256, 4, 64},
};

// Row groups of a packed matrix. Per group of 16 rows and block of 32 columns, quants:
//   8 bits: 512 bytes; byte 64·i + 4·r + j holds column 4·i + j of row r, i in 0…7, j in 0…3
//   4 bits: 256 bytes; byte 64·i + 4·r + j holds columns 4·i + j (low) and 16 + 4·i + j (high) of
//   row r, i in 0…3
//   5 bits: as 4 bits, then 64 bytes whose byte 4·r + j holds the fifth bit of column 4·i + j in
//   bit i
//   6 bits: as 4 bits, then 128 bytes whose byte 64·(i / 4) + 4·r + j holds the upper two bits of
//   column 4·i + j in bits 2·(i % 4) and above
// Per group and unit, scales: 16 f16, or 2 · 16 for halves; then as many minima, if there are any.
// Of super types, per group and 8 blocks: d [16] f16; with minima also dmin [16] f16, then for each
// block s [16] and m [16] u8; without, for each block s [2, 16] i8.
struct PackedRows {
  PackedType type;
  const std::uint8_t* quants;  // [n_groups, n_blocks, quant_bytes], 64-byte aligned
  const std::uint8_t* scales;  // [n_groups, n_blocks / unit_blocks, scale_bytes]
  std::size_t n_groups;
  std::size_t n_blocks;
  std::size_t n_rows;  // rows that exist; the last group may be padded
};

// Products in 16-bit integers, of F16 and BF16 weights: 13 bits and a sign, what a sum of 32
// products in 32 bits has room for.
inline constexpr std::int32_t kI16Levels = 8191;
static_assert(std::int64_t{kQuantBlock} * kI16Levels * kI16Levels <= INT32_MAX);

// 32 activations: x ≈ scale·q. A block with an infinity or with what is no number is no number.
struct ActivationBlockI16 {
  std::int16_t q[kQuantBlock];  // |q| ≤ kI16Levels
  float scale;
};

// Weights are 2^(exponent − 127)·q. Exponent 0 is a block of zeros; 255, infinity, a block with an
// infinity or with what is no number. Per group of 16 rows and block of 32 columns, quants: element
// 32·i + 2·r + j holds column 2·i + j of row r, i in 0…15, j in 0…1; exponents: of row r.
struct RowsI16 {
  const std::int16_t* quants;     // [n_groups, n_blocks, 512], 64-byte aligned, |q| ≤ kI16Levels
  const std::uint8_t* exponents;  // [n_groups, n_blocks, 16]
  std::size_t n_blocks;
  std::size_t n_rows;  // rows that exist; the last group may be padded
};

struct FloatRows {
  FloatType type;
  const void* data;  // [n_rows, n_cols], rows `row_bytes` apart
  std::size_t row_bytes;
  std::size_t n_rows;
  std::size_t n_cols;
};

// Of softmax(logits): what sampling and entropy need, in one pass over the row and one over exp.
struct SoftmaxStats {
  std::int32_t argmax;  // the lowest id among equals
  float max;
  float runner_up;       // the second largest, −FLT_MAX if there is none; max if it occurs twice
  double sum_exp;        // Σ exp(l − max)
  double sum_exp_shift;  // Σ exp(l − max)·(l − max)
};

// Element of the KV cache. i8: x ≈ scale·q, one scale for each key and each value.
enum class KvElement { f32, f16, i8 };

// Query rows (heads of tokens) of one call of attention(), at most.
inline constexpr std::size_t kMaxAttentionRows = 64;
// Positions whose keys or values are widened at a time.
inline constexpr std::size_t kAttentionTile = 32;

// Consecutive tokens of one sequence.
struct AttentionArgs {
  // [n_tokens, n_q, head_dim]: the heads that share a KV head, head_stride apart; tokens
  // token_stride apart. Likewise `out`.
  const float* q;
  float* out;
  std::size_t token_stride;
  std::size_t head_stride;
  std::size_t n_tokens;
  std::size_t n_q;  // n_tokens·n_q ≤ kMaxAttentionRows
  // Position p is in pages[p / page_positions]; the other members are byte offsets in a page.
  const std::byte* const* pages;
  std::size_t page_positions;  // a multiple of 16
  std::size_t keys;            // [page_positions / 16, head_dim, 16]
  std::size_t values;          // [page_positions, value_stride]
  std::size_t key_scales;      // [page_positions] f32; i8 only
  std::size_t value_scales;    // likewise
  std::size_t value_stride;    // head_dim rounded up to 16; the padding is readable
  KvElement element;
  std::size_t n_positions;  // that the first token sees, its own included; the next sees one more
  std::size_t window;       // a token sees the last so many of its positions; 0: all
  std::size_t head_dim;
  float scale;
  float softcap;   // scores become softcap·tanh(score / softcap); 0: as they are
  float* scratch;  // [n_tokens·n_q · (score_stride + value_stride) + kAttentionTile·value_stride]
  std::size_t score_stride;  // at least the positions of the last token, rounded up to 16
};

// What a run at peak speed did; `kept` only keeps the work alive.
struct PeakRun {
  double operations;  // a multiplication and an addition are two
  std::uint64_t kept;
};

struct Kernels {
  const char* name;

  // out = x / rms(x) · weight
  void (*rms_norm)(const float* x, const float* weight, float epsilon, std::size_t n, float* out);
  // out = (x − mean(x)) / √(variance(x) + epsilon) · weight + bias
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon,
                     std::size_t n, float* out);
  void (*add)(float* x, const float* y, std::size_t n);                // x += y
  void (*silu_multiply)(float* gate, const float* up, std::size_t n);  // gate = silu(gate)·up
  // gate = gelu(gate)·up, in the approximation by tanh.
  void (*gelu_multiply)(float* gate, const float* up, std::size_t n);
  void (*soft_cap)(float* x, float cap, std::size_t n);  // x = cap·tanh(x / cap)
  // Rotates pairs (x[2i], x[2i+1]) by the angles whose cosine and sine are given.
  void (*rope_interleaved)(float* x, const float* cosine, const float* sine, std::size_t n_pairs);
  // Likewise pairs (x[i], x[i + n_pairs]).
  void (*rope_half_split)(float* x, const float* cosine, const float* sine, std::size_t n_pairs);
  SoftmaxStats (*softmax_stats)(const float* logits, std::size_t n);
  void (*to_f16)(const float* x, std::size_t n, std::uint16_t* out);
  // x ≈ scale·out, |out| ≤ 127; returns the scale, max |x| / 127.
  float (*to_i8)(const float* x, std::size_t n, std::int8_t* out);
  void (*attention)(const AttentionArgs& args);

  // out[t·out_stride + r] = Σ_c rows[r, c] · x[t·x_stride + c]
  void (*matmul_float)(const FloatRows& rows, const float* x, std::size_t x_stride,
                       std::size_t n_tokens, float* out, std::size_t out_stride);
  // x [32·n_blocks] → out [n_blocks]
  void (*quantize)(const float* x, std::size_t n_blocks, ActivationBlock* out);
  // As matmul_float, for quantised activations [n_tokens, n_blocks].
  void (*matmul_packed)(const PackedRows& rows, const ActivationBlock* x, std::size_t n_tokens,
                        float* out, std::size_t out_stride);
  // Products in 16-bit integers; null where products in F32 are no slower.
  // At most kRowGroup rows of F16 or BF16, 32·n_blocks columns → quants [n_blocks, 512], 64-byte
  // aligned, and exponents [n_blocks, 16]; rows that are missing become zeros.
  void (*pack_i16)(const FloatRows& rows, std::int16_t* quants, std::uint8_t* exponents);
  void (*quantize_i16)(const float* x, std::size_t n_blocks, ActivationBlockI16* out);
  void (*matmul_i16)(const RowsI16& rows, const ActivationBlockI16* x, std::size_t n_tokens,
                     float* out, std::size_t out_stride);
  // Reads `bytes` (a multiple of 512) in several streams; the result only keeps the reads alive.
  std::uint64_t (*read_all)(const void* data, std::size_t bytes);
  // The most that matmul_packed and matmul_float could reach: `iterations` rounds of independent
  // multiply-adds of this instruction set, in registers only.
  PeakRun (*int8_peak)(std::size_t iterations);
  PeakRun (*f32_peak)(std::size_t iterations);
};

const Kernels& scalar_kernels();
#if defined(WATTLE_X86_KERNELS)
const Kernels& avx2_kernels();
const Kernels& avxvnni_kernels();
const Kernels& avx512_kernels();
#elif defined(WATTLE_ARM_KERNELS)
const Kernels& neon_kernels();
const Kernels& neon_dotprod_kernels();
const Kernels& neon_i8mm_kernels();
#endif
#if defined(WATTLE_EVEX_KERNELS)
// The sources of avxvnni with the same instructions in the encoding of AVX-512, only for tests on
// CPUs that lack AVX-VNNI.
const Kernels& avxvnni_evex_kernels();
#endif

}  // namespace wattle::engine
