#include "engine/prefix_cache.hpp"

#include <algorithm>

namespace wattle::engine {
namespace {

// FNV-1a over the ids.
std::uint64_t hash_of(std::span<const TokenId> tokens) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const TokenId token : tokens) {
    hash = (hash ^ static_cast<std::uint32_t>(token)) * 0x100000001B3U;
  }
  return hash;
}

std::size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

PrefixCache::PrefixCache(std::shared_ptr<KvPool> pool) : pool_(std::move(pool)) {}

PrefixCache::~PrefixCache() {
  for (auto& [layers, node] : roots_) {
    for (auto& [hash, below] : node.children) release(*below);
  }
}

PrefixCache::Node* PrefixCache::child(Node& node, std::span<const TokenId> tokens) {
  const auto found = node.children.find(hash_of(tokens));
  if (found == node.children.end() || !std::ranges::equal(found->second->tokens, tokens)) {
    return nullptr;
  }
  return found->second.get();
}

// Parents are always as recent as their children, so that what is forgotten first is a leaf.
void PrefixCache::touch(Node* node) {
  ++clock_;
  for (; node != nullptr; node = node->parent) node->last_used = clock_;
}

PrefixCache::Match PrefixCache::find(std::span<const TokenId> tokens, std::uint32_t n_layers) {
  const std::size_t page = pool_->layout().page_positions;
  Match match;
  Node* node = &root(n_layers);
  while (tokens.size() >= page) {
    Node* const next = child(*node, tokens.first(page));
    if (next == nullptr) break;
    match.pages.push_back(next->page);
    node = next;
    tokens = tokens.subspan(page);
  }
  Node* best = nullptr;
  for (const auto& [hash, below] : node->children) {
    const std::size_t n = common_prefix(below->tokens, tokens);
    // Equal lengths: the page used last, whatever order the table is in.
    if (n > match.n_partial ||
        (n > 0 && n == match.n_partial && best != nullptr && below->last_used > best->last_used)) {
      match.n_partial = n;
      best = below.get();
    }
  }
  if (best != nullptr) match.partial = best->page;
  touch(best != nullptr ? best : node);
  return match;
}

void PrefixCache::insert(std::span<const TokenId> tokens, std::uint32_t n_layers,
                         const KvTable& table) {
  const std::size_t page = pool_->layout().page_positions;
  Node* node = &root(n_layers);
  for (std::size_t i = 0; !tokens.empty(); ++i) {
    auto* const memory = const_cast<std::byte*>(table.pages()[i]);
    if (tokens.size() < page) {
      add_partial(*node, tokens, memory);
      break;
    }
    const auto here = tokens.first(page);
    if (child(*node, here) == nullptr) add(*node, here, memory);
    Node* const next = child(*node, here);
    if (next == nullptr) break;  // another page has the same hash
    node = next;
    tokens = tokens.subspan(page);
  }
  touch(node);
}

void PrefixCache::add(Node& node, std::span<const TokenId> tokens, std::byte* page) {
  // The page was known when it held fewer tokens.
  for (const auto& [hash, below] : node.children) {
    if (below->page == page) {
      remove(*below);
      break;
    }
  }
  const std::uint64_t hash = hash_of(tokens);
  if (node.children.contains(hash)) return;
  auto added = std::make_unique<Node>();
  added->parent = &node;
  added->hash = hash;
  added->tokens.assign(tokens.begin(), tokens.end());
  added->page = page;
  added->last_used = ++clock_;
  pool_->retain(page);
  ++nodes_;
  node.children.emplace(hash, std::move(added));
}

void PrefixCache::add_partial(Node& node, std::span<const TokenId> tokens, std::byte* page) {
  for (const auto& [hash, below] : node.children) {
    if (common_prefix(below->tokens, tokens) == tokens.size()) return touch(below.get());
  }
  add(node, tokens, page);
}

void PrefixCache::release(Node& node) {
  for (auto& [hash, below] : node.children) release(*below);
  pool_->release(node.page);
  --nodes_;
}

void PrefixCache::remove(Node& node) {
  release(node);
  node.parent->children.erase(node.hash);
}

void PrefixCache::prune(Node& node, std::span<const std::byte* const> pages) {
  std::erase_if(node.children, [&](auto& entry) {
    Node& below = *entry.second;
    prune(below, pages);
    const bool drop = below.children.empty() && pool_->users(below.page) == 1 &&
                      std::ranges::find(pages, below.page) != pages.end();
    if (drop) release(below);
    return drop;
  });
}

void PrefixCache::forget(std::span<const std::byte* const> pages) {
  if (pages.empty()) return;
  for (auto& [layers, node] : roots_) prune(node, pages);
}

template <class Visit>
void PrefixCache::for_each(Visit&& visit) {
  std::vector<Node*> open;
  for (auto& [layers, node] : roots_) open.push_back(&node);
  while (!open.empty()) {
    Node* const node = open.back();
    open.pop_back();
    if (node->page != nullptr) visit(*node);
    for (auto& [hash, below] : node->children) open.push_back(below.get());
  }
}

std::size_t PrefixCache::n_evictable() const {
  std::size_t n = 0;
  const_cast<PrefixCache*>(this)->for_each(
      [&](const Node& node) { n += pool_->users(node.page) == 1 ? 1 : 0; });
  return n;
}

bool PrefixCache::evict_one() {
  Node* oldest = nullptr;
  for_each([&](Node& node) {
    if (pool_->users(node.page) != 1) return;
    // Of a parent and a child used at the same time, the child.
    const bool older = oldest == nullptr || node.last_used < oldest->last_used ||
                       (node.last_used == oldest->last_used && node.parent == oldest);
    if (older) oldest = &node;
  });
  if (oldest == nullptr) return false;
  remove(*oldest);
  return true;
}

}  // namespace wattle::engine
