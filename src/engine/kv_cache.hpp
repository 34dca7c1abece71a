#pragma once
// Keys and values of attention in pages of a fixed number of positions. A pool owns the memory of
// all pages and counts who uses each; a sequence has a table of pages. (Paged attention: Kwon et
// al. 2023.) A page holds its positions for all layers and KV heads, so that a sequence wastes at
// most the rest of its last page.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/buffer.hpp"
#include "engine/generate.hpp"
#include "engine/kernels/kernels.hpp"
#include "engine/model.hpp"

namespace wattle::engine {

// Where things lie in a page. Per layer and KV head, each part at a multiple of 64 bytes:
//   keys    [page_positions / 16, head_dim, 16]: keys of 16 positions are interleaved, so that one
//           vector holds the same dimension of 16 positions
//   values  [page_positions, value_stride]
//   scales of keys and of values, [page_positions] each, F32; only with i8
struct KvLayout {
  KvLayout() = default;
  KvLayout(const ModelConfig& config, KvType kv_type, std::uint32_t positions_per_page);

  [[nodiscard]] KvElement element() const;
  [[nodiscard]] std::size_t offset(std::size_t layer, std::size_t head) const {
    return (layer * n_heads + head) * head_bytes;
  }

  KvType type = KvType::f16;
  std::size_t page_positions = 0;  // a multiple of 16
  std::size_t n_layers = 0;
  std::size_t n_heads = 0;  // KV heads
  std::size_t head_dim = 0;
  std::size_t value_stride = 0;  // head_dim rounded up to 16
  std::size_t element_bytes = 0;
  std::size_t values = 0;  // offsets within the part of one layer and head; the keys are at 0
  std::size_t key_scales = 0;
  std::size_t value_scales = 0;
  std::size_t head_bytes = 0;
  std::size_t page_bytes = 0;
};

// One thread at a time.
class KvPool {
 public:
  // Reserves addresses for max_pages pages; the system gives memory where it is touched.
  // page_positions is rounded up to a multiple of 16. `purpose` and `remedy` are of the error.
  static Result<std::shared_ptr<KvPool>> create(const ModelConfig& config, KvType type,
                                                std::uint32_t page_positions, std::size_t max_pages,
                                                const std::string& purpose,
                                                const std::string& remedy);

  [[nodiscard]] const KvLayout& layout() const { return layout_; }
  [[nodiscard]] std::size_t max_pages() const { return references_.size(); }
  [[nodiscard]] std::size_t used_pages() const { return used_; }
  [[nodiscard]] std::size_t peak_pages() const { return peak_; }
  [[nodiscard]] std::uint64_t bytes() const { return memory_.size(); }
  [[nodiscard]] std::size_t pages_for(std::size_t n_positions) const {
    return (n_positions + layout_.page_positions - 1) / layout_.page_positions;
  }

  // A page with one user, its content undefined; null if all are in use.
  [[nodiscard]] std::byte* acquire();
  void retain(const std::byte* page) { ++references_[index(page)]; }
  // The last user's release frees the page and gives its memory back to the system.
  void release(const std::byte* page);
  [[nodiscard]] std::uint32_t users(const std::byte* page) const {
    return references_[index(page)];
  }

 private:
  [[nodiscard]] std::size_t index(const std::byte* page) const {
    return static_cast<std::size_t>(page - memory_.data()) / layout_.page_bytes;
  }

  KvLayout layout_;
  Buffer memory_;
  std::vector<std::uint32_t> references_;  // [max_pages]
  std::vector<std::uint32_t> free_;        // a stack: the page last used is the next
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

// The page table of one sequence. Pages taken over from others are read only: before one is written
// it is copied.
class KvTable {
 public:
  explicit KvTable(std::shared_ptr<KvPool> pool) : pool_(std::move(pool)) {}
  KvTable(KvTable&& other) noexcept = default;
  KvTable& operator=(KvTable&& other) noexcept;
  KvTable(const KvTable&) = delete;
  KvTable& operator=(const KvTable&) = delete;
  ~KvTable() { truncate(0); }

  [[nodiscard]] KvPool& pool() const { return *pool_; }
  [[nodiscard]] const KvLayout& layout() const { return pool_->layout(); }
  // Page i holds the positions from i·page_positions on.
  [[nodiscard]] const std::byte* const* pages() const { return pages_.data(); }
  [[nodiscard]] std::size_t n_pages() const { return pages_.size(); }

  // Makes positions begin … end − 1 writable, with pages of the pool's. False if the pool has too
  // few; the table is then as before or holds some more pages, and is still sound.
  [[nodiscard]] bool reserve(std::size_t begin, std::size_t end);
  // Appends a page of another sequence, to read.
  void adopt(std::byte* page);
  // Appends a copy of a page, whose first positions are of use. False if the pool is out.
  [[nodiscard]] bool append_copy(const std::byte* page);
  // Releases the pages that hold none of the first n_positions.
  void truncate(std::size_t n_positions);

  // k and v: [n_kv_heads, head_dim] of one position. Precondition: the position is reserved.
  void store(const Kernels& kernels, std::size_t layer, std::size_t position, const float* k,
             const float* v);

 private:
  std::shared_ptr<KvPool> pool_;
  std::vector<std::byte*> pages_;
  std::vector<bool> own_;  // [pages] whether it may be written
  std::vector<std::uint16_t> narrow_;
};

}  // namespace wattle::engine
