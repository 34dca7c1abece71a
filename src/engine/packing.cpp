// Rows of block types copied into interleaved groups (kernels.hpp: PackedRows).
#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "engine/matrix.hpp"
#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

PackedType packed_type(TensorType type) {
  switch (type) {
    case TensorType::q4_0:
      return PackedType::q4;
    case TensorType::q4_1:
      return PackedType::q4_min;
    case TensorType::q5_0:
      return PackedType::q5;
    case TensorType::q5_1:
      return PackedType::q5_min;
    case TensorType::q2_k:
      return PackedType::q8_halves_min;
    case TensorType::q3_k:
      return PackedType::q8_halves;
    case TensorType::q4_k:
      return PackedType::q4_super;
    case TensorType::q5_k:
      return PackedType::q5_super;
    case TensorType::q6_k:
      return PackedType::q6_super;
    default:  // Q8_0, and formats whose levels are looked up
      return PackedType::q8;
  }
}

const PackedLayout& layout_of(PackedType type) {
  return kPackedLayouts[static_cast<std::size_t>(type)];
}

// Q4_1 whose scales and minima are the same for 128 columns each, as AWQ's are: a fifth of the size
// is saved by holding them once.
bool has_groups_of_128(const Matrix& matrix) {
  constexpr std::size_t kBlocks = 128 / kQuantBlock;
  if (matrix.type != TensorType::q4_1 || matrix.n_cols % 128 != 0) return false;
  const std::size_t block_bytes = info(matrix.type).block_bytes;
  for (std::size_t r = 0; r < matrix.n_rows; ++r) {
    const std::byte* row = matrix.rows + r * matrix.row_bytes;
    for (std::size_t b = 0; b < matrix.n_cols / kQuantBlock; ++b) {
      const std::byte* first = row + b / kBlocks * kBlocks * block_bytes;
      if (std::memcmp(first, row + b * block_bytes, 4) != 0) return false;
    }
  }
  return true;
}

std::size_t groups_of(std::size_t n_rows) {
  return (n_rows + kRowGroup - 1) / kRowGroup;
}

// Where the parts of a packed copy are.
struct Place {
  std::size_t n_groups, n_blocks;
  std::size_t group_quants, group_scales;  // bytes
};
Place place_of(PackedType type, std::size_t n_rows, std::size_t n_cols) {
  const PackedLayout& layout = layout_of(type);
  const std::size_t n_blocks = n_cols / kQuantBlock;
  return {groups_of(n_rows), n_blocks, n_blocks * layout.quant_bytes,
          n_blocks / layout.unit_blocks * layout.scale_bytes};
}

// Q4_0 and Q8_0, one block of one row: the file's order within a block already is the interleaved
// one, four bytes at a time.
template <TensorType Type>
void pack_plain_block(const std::byte* block, std::size_t row, std::uint8_t* quants,
                      std::uint8_t* scales) {
  constexpr std::size_t kWords = Type == TensorType::q4_0 ? 4 : 8;
  std::memcpy(scales + 2 * row, block, 2);
  std::array<std::uint32_t, kWords> words;
  std::memcpy(words.data(), block + 2, sizeof words);
  for (std::size_t i = 0; i < kWords; ++i) {
    if constexpr (Type == TensorType::q8_0) words[i] ^= 0x80808080U;
    std::memcpy(quants + 64 * i + 4 * row, &words[i], 4);
  }
}

// `rows`: of the group, n_rows of them.
template <TensorType Type>
void pack_plain_group(const Matrix& matrix, const std::byte* rows, std::size_t n_rows,
                      std::uint8_t* quants, std::uint8_t* scales) {
  const PackedLayout& layout = layout_of(packed_type(Type));
  const std::size_t block_bytes = info(Type).block_bytes;
  for (std::size_t b = 0; b < matrix.n_cols / kQuantBlock; ++b) {
    for (std::size_t r = 0; r < n_rows; ++r) {
      pack_plain_block<Type>(rows + r * matrix.row_bytes + b * block_bytes, r,
                             quants + b * layout.quant_bytes, scales + b * layout.scale_bytes);
    }
  }
}

using Words = std::array<std::uint32_t, kQuantBlock / 4>;  // four columns each

// The quants of one block of one row.
void pack_quants(const PackedLayout& layout, const Words& q, std::size_t row,
                 std::uint8_t* quants) {
  const auto put = [quants, row](std::size_t i, std::uint32_t word) {
    std::memcpy(quants + 64 * i + 4 * row, &word, sizeof word);
  };
  if (layout.bits == 8) {
    for (std::size_t i = 0; i < q.size(); ++i) put(i, q[i]);
    return;
  }
  constexpr std::uint32_t kLow = 0x0F0F0F0F;
  for (std::size_t i = 0; i < 4; ++i) put(i, (q[i] & kLow) | ((q[i + 4] & kLow) << 4U));
  if (layout.bits == 5) {
    std::uint32_t plane = 0;
    for (std::size_t i = 0; i < 8; ++i) plane |= ((q[i] >> 4U) & 0x01010101U) << i;
    put(4, plane);
  } else if (layout.bits == 6) {
    for (std::size_t half = 0; half < 2; ++half) {
      std::uint32_t plane = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        plane |= ((q[4 * half + i] >> 4U) & 0x03030303U) << (2 * i);
      }
      put(4 + half, plane);
    }
  }
}

void put_half(std::uint8_t* to, std::size_t i, std::uint16_t half) {
  std::memcpy(to + 2 * i, &half, sizeof half);
}

// The scales of block `b` of one row.
void pack_scales(const PackedLayout& layout, const SubBlock& from, std::size_t b, std::size_t row,
                 std::uint8_t* scales) {
  std::uint8_t* unit = scales + b / layout.unit_blocks * layout.scale_bytes;
  if (layout.unit_blocks < 8) {
    const std::size_t n_parts = layout.halves ? 2 : 1;
    for (std::size_t h = 0; h < n_parts; ++h) {
      put_half(unit, h * kRowGroup + row, f32_to_f16(from.scale[h]));
      if (layout.mins) put_half(unit, (n_parts + h) * kRowGroup + row, f32_to_f16(from.min[h]));
    }
    return;
  }
  const std::size_t i = b % layout.unit_blocks;
  put_half(unit, row, from.d);
  if (layout.mins) {
    put_half(unit, kRowGroup + row, from.d_min);
    unit[64 + 32 * i + row] = static_cast<std::uint8_t>(from.s[0]);
    unit[64 + 32 * i + 16 + row] = from.m[0];
  } else {
    for (std::size_t h = 0; h < 2; ++h) {
      unit[32 + (2 * i + h) * 16 + row] = static_cast<std::uint8_t>(from.s[h]);
    }
  }
}

void pack_group(const Matrix& matrix, const std::byte* rows, std::size_t n_rows,
                std::uint8_t* quants, std::uint8_t* scales) {
  const BlockFormat& format = *block_format(matrix.type);
  const TensorTypeInfo& type = info(matrix.type);
  const PackedLayout& layout = layout_of(matrix.packed_type);
  const std::size_t n_subs = type.block_elements / kSubBlock;
  const auto offset = static_cast<std::uint32_t>(layout.zero - format.zero) * 0x01010101U;
  SubBlock sub_block;
  Words words;
  for (std::size_t r = 0; r < n_rows; ++r) {
    for (std::size_t b = 0; b < matrix.n_cols / kQuantBlock; ++b) {
      format.read(rows + r * matrix.row_bytes + b / n_subs * type.block_bytes, b % n_subs,
                  sub_block);
      std::memcpy(words.data(), sub_block.q, sizeof words);
      for (std::uint32_t& word : words) word += offset;  // no byte exceeds 255
      pack_quants(layout, words, r, quants + b * layout.quant_bytes);
      pack_scales(layout, sub_block, b, r, scales);
    }
  }
}

}  // namespace

bool can_pack(TensorType type) {
  return is_block_type(type);
}

std::size_t packed_bytes(TensorType type, std::size_t n_rows, std::size_t n_cols) {
  const Place place = place_of(packed_type(type), n_rows, n_cols);
  return (place.n_groups * (place.group_quants + place.group_scales) + 63) / 64 * 64;
}

void pack(Matrix& matrix, std::byte* memory, ThreadPool& pool) {
  assert(can_pack(matrix.type) && matrix.n_cols % kQuantBlock == 0);
  matrix.packed_type =
      has_groups_of_128(matrix) ? PackedType::q4_min_128 : packed_type(matrix.type);
  const Place place = place_of(matrix.packed_type, matrix.n_rows, matrix.n_cols);
  auto* all_quants = reinterpret_cast<std::uint8_t*>(memory);
  std::uint8_t* all_scales = all_quants + place.n_groups * place.group_quants;
  pool.for_each(place.n_groups, [&](std::size_t group, std::size_t) {
    const std::size_t first = group * kRowGroup;
    const std::byte* rows = matrix.rows + first * matrix.row_bytes;
    const std::size_t n_rows = std::min(kRowGroup, matrix.n_rows - first);
    std::uint8_t* quants = all_quants + group * place.group_quants;
    std::uint8_t* scales = all_scales + group * place.group_scales;
    if (matrix.type == TensorType::q4_0) {
      pack_plain_group<TensorType::q4_0>(matrix, rows, n_rows, quants, scales);
    } else if (matrix.type == TensorType::q8_0) {
      pack_plain_group<TensorType::q8_0>(matrix, rows, n_rows, quants, scales);
    } else {
      pack_group(matrix, rows, n_rows, quants, scales);
    }
  });
  matrix.quants = all_quants;
  matrix.scales = all_scales;
}

std::size_t Matrix::streamed_bytes() const {
  return streamed(*this).size();
}

std::span<const std::byte> streamed(const Matrix& matrix) {
  if (matrix.is_packed_i16()) return streamed_i16(matrix);
  if (!matrix.is_packed()) return {matrix.rows, matrix.bytes()};
  const Place place = place_of(matrix.packed_type, matrix.n_rows, matrix.n_cols);
  return {reinterpret_cast<const std::byte*>(matrix.quants),
          place.n_groups * (place.group_quants + place.group_scales)};
}

PackedRows packed_rows(const Matrix& matrix, std::size_t begin, std::size_t end) {
  const Place place = place_of(matrix.packed_type, matrix.n_rows, matrix.n_cols);
  const std::size_t group = begin / kRowGroup;
  return {matrix.packed_type,
          matrix.quants + group * place.group_quants,
          matrix.scales + group * place.group_scales,
          groups_of(end - begin),
          place.n_blocks,
          end - begin};
}

}  // namespace wattle::engine
