#pragma once
// What the sources of one instruction set define; table.cpp collects it. WATTLE_ISA is the name of
// the instruction set, and of the namespace that keeps the copies apart.

#include "engine/kernels/kernels.hpp"

namespace wattle::engine::WATTLE_ISA {

void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* out);
void layer_norm(const float* x, const float* weight, const float* bias, float epsilon,
                std::size_t n, float* out);
void add(float* x, const float* y, std::size_t n);
void silu_multiply(float* gate, const float* up, std::size_t n);
void gelu_multiply(float* gate, const float* up, std::size_t n);
void soft_cap(float* x, float cap, std::size_t n);
void rope_interleaved(float* x, const float* cosine, const float* sine, std::size_t n_pairs);
void rope_half_split(float* x, const float* cosine, const float* sine, std::size_t n_pairs);
SoftmaxStats softmax_stats(const float* logits, std::size_t n);
void to_f16(const float* x, std::size_t n, std::uint16_t* out);
float to_i8(const float* x, std::size_t n, std::int8_t* out);
void attention(const AttentionArgs& args);
void matmul_float(const FloatRows& rows, const float* x, std::size_t x_stride, std::size_t n_tokens,
                  float* out, std::size_t out_stride);
void quantize(const float* x, std::size_t n_blocks, ActivationBlock* out);
void matmul_packed(const PackedRows& rows, const ActivationBlock* x, std::size_t n_tokens,
                   float* out, std::size_t out_stride);
#if defined(__AVX512VNNI__)
void pack_i16(const FloatRows& rows, std::int16_t* quants, std::uint8_t* exponents);
void quantize_i16(const float* x, std::size_t n_blocks, ActivationBlockI16* out);
void matmul_i16(const RowsI16& rows, const ActivationBlockI16* x, std::size_t n_tokens, float* out,
                std::size_t out_stride);
#endif
std::uint64_t read_all(const void* data, std::size_t bytes);
PeakRun int8_peak(std::size_t iterations);
PeakRun f32_peak(std::size_t iterations);

}  // namespace wattle::engine::WATTLE_ISA
