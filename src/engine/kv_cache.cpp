#include "engine/kv_cache.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace wattle::engine {
namespace {

std::size_t round_up(std::size_t n, std::size_t step) {
  return (n + step - 1) / step * step;
}

std::size_t element_size(KvType type) {
  switch (type) {
    case KvType::f16:
      return 2;
    case KvType::f32:
      return 4;
    case KvType::i8:
      return 1;
  }
  return 0;
}

// Element d of key and value at one position of one head; `stride` apart in the keys.
template <class Element>
void place(const Element* k, const Element* v, std::size_t head_dim, Element* key, Element* value) {
  for (std::size_t d = 0; d < head_dim; ++d) key[d * kKeyGroup] = k[d];
  std::memcpy(value, v, head_dim * sizeof(Element));
}

}  // namespace

KvLayout::KvLayout(const ModelConfig& config, KvType kv_type, std::uint32_t positions_per_page)
    : type(kv_type),
      page_positions(std::max(kKeyGroup, round_up(positions_per_page, kKeyGroup))),
      n_layers(config.n_layers),
      n_heads(config.n_kv_heads),
      head_dim(config.head_dim),
      value_stride(round_up(config.head_dim, kKeyGroup)),
      element_bytes(element_size(kv_type)) {
  constexpr std::size_t kAlignment = 64;
  const std::size_t scales =
      type == KvType::i8 ? round_up(page_positions * sizeof(float), kAlignment) : 0;
  values = round_up(page_positions * head_dim * element_bytes, kAlignment);
  key_scales = values + round_up(page_positions * value_stride * element_bytes, kAlignment);
  value_scales = key_scales + scales;
  head_bytes = value_scales + scales;
  page_bytes = saturating_product(n_layers * n_heads, head_bytes);
}

KvElement KvLayout::element() const {
  switch (type) {
    case KvType::f16:
      return KvElement::f16;
    case KvType::f32:
      return KvElement::f32;
    case KvType::i8:
      return KvElement::i8;
  }
  return KvElement::f32;
}

Result<std::shared_ptr<KvPool>> KvPool::create(const ModelConfig& config, KvType type,
                                               std::uint32_t page_positions, std::size_t max_pages,
                                               const std::string& purpose,
                                               const std::string& remedy) {
  auto pool = std::make_shared<KvPool>();
  pool->layout_ = KvLayout(config, type, page_positions);
  WATTLE_TRY(pool->memory_, Buffer::create(saturating_product(max_pages, pool->layout_.page_bytes),
                                           purpose, remedy));
  pool->references_.resize(max_pages, 0);
  pool->free_.resize(max_pages);
  for (std::size_t i = 0; i < max_pages; ++i) {
    pool->free_[i] = static_cast<std::uint32_t>(max_pages - 1 - i);
  }
  return pool;
}

std::byte* KvPool::acquire() {
  if (free_.empty()) return nullptr;
  const std::uint32_t page = free_.back();
  free_.pop_back();
  references_[page] = 1;
  peak_ = std::max(peak_, ++used_);
  return memory_.data() + page * layout_.page_bytes;
}

void KvPool::release(const std::byte* page) {
  const std::size_t i = index(page);
  assert(references_[i] > 0);
  if (--references_[i] > 0) return;
  --used_;
  free_.push_back(static_cast<std::uint32_t>(i));
  // Whole pages of the system's that lie within this one.
  const auto unit = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t begin = round_up(i * layout_.page_bytes, unit);
  const std::size_t end = (i + 1) * layout_.page_bytes / unit * unit;
  if (begin < end) ::madvise(memory_.data() + begin, end - begin, MADV_DONTNEED);
}

KvTable& KvTable::operator=(KvTable&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(pages_, other.pages_);
  std::swap(own_, other.own_);
  std::swap(narrow_, other.narrow_);
  return *this;
}

bool KvTable::reserve(std::size_t begin, std::size_t end) {
  const std::size_t page_positions = layout().page_positions;
  for (std::size_t i = begin / page_positions; i * page_positions < end; ++i) {
    if (i < pages_.size() && own_[i]) continue;
    std::byte* page = pool_->acquire();
    if (page == nullptr) return false;
    if (i < pages_.size()) {
      std::memcpy(page, pages_[i], layout().page_bytes);
      pool_->release(pages_[i]);
      pages_[i] = page;
      own_[i] = true;
    } else {
      pages_.push_back(page);
      own_.push_back(true);
    }
  }
  return true;
}

void KvTable::adopt(std::byte* page) {
  pool_->retain(page);
  pages_.push_back(page);
  own_.push_back(false);
}

bool KvTable::append_copy(const std::byte* page) {
  std::byte* copy = pool_->acquire();
  if (copy == nullptr) return false;
  std::memcpy(copy, page, layout().page_bytes);
  pages_.push_back(copy);
  own_.push_back(true);
  return true;
}

void KvTable::truncate(std::size_t n_positions) {
  if (pages_.empty()) return;
  const std::size_t kept = pool_->pages_for(n_positions);
  while (pages_.size() > kept) {
    pool_->release(pages_.back());
    pages_.pop_back();
    own_.pop_back();
  }
}

void KvTable::store(const Kernels& kernels, std::size_t layer, std::size_t position, const float* k,
                    const float* v) {
  const KvLayout& at = layout();
  std::byte* page = pages_[position / at.page_positions];
  assert(own_[position / at.page_positions]);
  const std::size_t i = position % at.page_positions;
  const std::size_t key = i / kKeyGroup * kKeyGroup * at.head_dim + i % kKeyGroup;
  const std::size_t n = at.n_heads * at.head_dim;
  narrow_.resize(2 * n);
  if (at.type == KvType::f16) {
    kernels.to_f16(k, n, narrow_.data());
    kernels.to_f16(v, n, narrow_.data() + n);
  }
  for (std::size_t head = 0; head < at.n_heads; ++head) {
    std::byte* part = page + at.offset(layer, head);
    const std::size_t from = head * at.head_dim;
    const auto write = [&]<class Element>(const Element* keys, const Element* values) {
      place(keys, values, at.head_dim, reinterpret_cast<Element*>(part) + key,
            reinterpret_cast<Element*>(part + at.values) + i * at.value_stride);
    };
    switch (at.type) {
      case KvType::f32:
        write(k + from, v + from);
        break;
      case KvType::f16:
        write(&narrow_[from], &narrow_[n + from]);
        break;
      case KvType::i8: {
        auto* small = reinterpret_cast<std::int8_t*>(narrow_.data());
        reinterpret_cast<float*>(part + at.key_scales)[i] =
            kernels.to_i8(k + from, at.head_dim, small);
        reinterpret_cast<float*>(part + at.value_scales)[i] =
            kernels.to_i8(v + from, at.head_dim, small + at.head_dim);
        write(small, small + at.head_dim);
        break;
      }
    }
  }
}

}  // namespace wattle::engine
