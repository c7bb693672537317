// The blocks of one KV group, with reference counts.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/executor.h"

namespace ix::engine {

class KvPool {
 public:
  explicit KvPool(int32_t blocks);

  int32_t blocks() const { return static_cast<int32_t>(references_.size()); }
  int32_t free_blocks() const { return static_cast<int32_t>(free_.size()); }

  // Promises `blocks` blocks to a sequence, if that many are not promised yet. A sequence never
  // holds more than it was promised, so allocate() after a promise does not fail.
  bool try_commit(int32_t blocks);
  void uncommit(int32_t blocks);
  int32_t committed() const { return committed_; }

  // The smallest free block, with one reference; kNoBlock when all are taken. Small ids first, so
  // that memory committed on first use stays small.
  backend::BlockId allocate();

  void retain(backend::BlockId block);
  // The block is free when its last reference goes.
  void release(backend::BlockId block);
  int32_t references(backend::BlockId block) const;

 private:
  std::vector<int32_t> references_;     // [blocks]
  std::vector<backend::BlockId> free_;  // heap, smallest first
  int32_t committed_ = 0;
};

}  // namespace ix::engine
