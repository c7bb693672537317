#include "backend/reference/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/reference/dot.h"
#include "backend/step_validation.h"

namespace ix::backend::reference {
namespace {

// One query head of one row against its KV head, position by position.
class HeadAttention {
 public:
  HeadAttention(const graph::Attention& op, const KvLayerCache& cache, int64_t tokens_per_block,
                const RowPlace& place, AttentionScratch& scratch)
      : op_(op),
        cache_(cache),
        tokens_per_block_(tokens_per_block),
        place_(place),
        first_(first_visible(place.position, op.window)),
        scratch_(scratch) {}

  // q [head_dim] -> out [value_head_dim]
  void run(const float* q, int64_t kv_head, float* out) {
    const float highest = score(q, kv_head);
    double total = 0;
    for (int64_t i = 0; i <= place_.position - first_; ++i) {
      float& s = scratch_.scores[static_cast<size_t>(i)];
      s = std::exp(s - highest);
      total += static_cast<double>(s);
    }
    add_values(kv_head);
    for (int64_t d = 0; d < op_.value_head_dim; ++d) {
      out[d] = static_cast<float>(scratch_.sum[static_cast<size_t>(d)] / total);
    }
  }

 private:
  // Calls visit(position, block, slot in the block, positions of this block) for each block.
  template <typename Visit>
  void for_each_block(Visit visit) const {
    for (int64_t position = first_; position <= place_.position;) {
      const int64_t index = position / tokens_per_block_;
      const int64_t slot = position % tokens_per_block_;
      const int64_t count = std::min(tokens_per_block_ - slot, place_.position + 1 - position);
      visit(position, place_.table[static_cast<size_t>(index)], slot, count);
      position += count;
    }
  }

  // Fills scores; returns the highest.
  float score(const float* q, int64_t kv_head) {
    float highest = -std::numeric_limits<float>::infinity();
    for_each_block([&](int64_t position, BlockId block, int64_t slot, int64_t count) {
      const float* keys = cache_.keys(block, kv_head) + slot * op_.head_dim;
      for (int64_t i = 0; i < count; ++i) {
        float s = dot(q, keys + i * op_.head_dim, op_.head_dim) * op_.scale;
        if (op_.soft_cap > 0.0F) s = op_.soft_cap * std::tanh(s / op_.soft_cap);
        scratch_.scores[static_cast<size_t>(position - first_ + i)] = s;
        highest = std::max(highest, s);
      }
    });
    return highest;
  }

  // sum[d] = sum over positions of score * value: float within a block of the cache, double over
  // blocks. Blocks lie at fixed positions, so the order depends on the row's position alone.
  void add_values(int64_t kv_head) {
    const int64_t width = op_.value_head_dim;
    float* block_sum = scratch_.block_sum.data();
    double* sum = scratch_.sum.data();
    std::fill_n(sum, width, 0.0);
    for_each_block([&](int64_t position, BlockId block, int64_t slot, int64_t count) {
      const float* values = cache_.values(block, kv_head) + slot * width;
      std::fill_n(block_sum, width, 0.0F);
      for (int64_t i = 0; i < count; ++i) {
        const float p = scratch_.scores[static_cast<size_t>(position - first_ + i)];
        for (int64_t d = 0; d < width; ++d) block_sum[d] += p * values[i * width + d];
      }
      for (int64_t d = 0; d < width; ++d) sum[d] += static_cast<double>(block_sum[d]);
    });
  }

  const graph::Attention& op_;
  const KvLayerCache& cache_;
  int64_t tokens_per_block_;
  const RowPlace& place_;
  int64_t first_;
  AttentionScratch& scratch_;
};

// Copies one row's heads [heads, width] to its place in the cache.
template <typename HeadRows>
void store(const float* row, int64_t heads, int64_t width, int64_t slot, HeadRows head_rows) {
  for (int64_t head = 0; head < heads; ++head) {
    std::copy_n(row + head * width, width, head_rows(head) + slot * width);
  }
}

}  // namespace

void run_attention(const graph::Attention& op, KvLayerCache& cache, int64_t tokens_per_block,
                   std::span<const RowPlace> places, const float* q, const float* k, const float* v,
                   float* out, ThreadPool& pool, std::vector<AttentionScratch>& scratch) {
  const auto rows = static_cast<int64_t>(places.size());
  for (int64_t row = 0; row < rows; ++row) {
    const RowPlace& place = places[static_cast<size_t>(row)];
    const int64_t slot = place.position % tokens_per_block;
    const BlockId block = place.table[static_cast<size_t>(place.position / tokens_per_block)];
    store(k + row * op.kv_heads * op.head_dim, op.kv_heads, op.head_dim, slot,
          [&](int64_t head) { return cache.keys(block, head); });
    store(v + row * op.kv_heads * op.value_head_dim, op.kv_heads, op.value_head_dim, slot,
          [&](int64_t head) { return cache.values(block, head); });
  }
  pool.run(rows * op.heads, [&](int64_t task, int thread) {
    const int64_t row = task / op.heads;
    const int64_t head = task % op.heads;
    HeadAttention attention(op, cache, tokens_per_block, places[static_cast<size_t>(row)],
                            scratch[static_cast<size_t>(thread)]);
    attention.run(q + task * op.head_dim, head / (op.heads / op.kv_heads),
                  out + task * op.value_head_dim);
  });
}

}  // namespace ix::backend::reference
