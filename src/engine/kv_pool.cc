#include "engine/kv_pool.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/check.h"

namespace ix::engine {

using backend::BlockId;

KvPool::KvPool(int32_t blocks) : references_(static_cast<size_t>(blocks), 0) {
  free_.resize(references_.size());
  std::iota(free_.begin(), free_.end(), 0);  // ascending order is a heap
}

bool KvPool::try_commit(int32_t blocks) {
  if (blocks > this->blocks() - committed_) return false;
  committed_ += blocks;
  return true;
}

void KvPool::uncommit(int32_t blocks) {
  IX_CHECK(blocks >= 0 && blocks <= committed_);
  committed_ -= blocks;
}

BlockId KvPool::allocate() {
  if (free_.empty()) return backend::kNoBlock;
  std::pop_heap(free_.begin(), free_.end(), std::greater<>());
  const BlockId block = free_.back();
  free_.pop_back();
  references_[static_cast<size_t>(block)] = 1;
  return block;
}

void KvPool::retain(BlockId block) {
  IX_CHECK(references(block) > 0);
  ++references_[static_cast<size_t>(block)];
}

void KvPool::release(BlockId block) {
  IX_CHECK(references(block) > 0);
  if (--references_[static_cast<size_t>(block)] > 0) return;
  free_.push_back(block);
  std::push_heap(free_.begin(), free_.end(), std::greater<>());
}

int32_t KvPool::references(BlockId block) const {
  IX_CHECK(block >= 0 && block < blocks());
  return references_[static_cast<size_t>(block)];
}

}  // namespace ix::engine
