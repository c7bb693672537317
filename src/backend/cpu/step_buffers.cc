#include "backend/cpu/step_buffers.h"

#include <algorithm>

#include "base/checked_math.h"

namespace ix::backend::cpu {
namespace {

constexpr int64_t kLineFloats = 16;  // of a cache line

// Floats between rows: whole cache lines, and not a multiple of 1 KiB, which would put the same
// column of all rows into a few sets of the cache.
int64_t stride_of(int64_t width) {
  const int64_t stride = round_up(width, kLineFloats);
  return stride % 256 == 0 ? stride + kLineFloats : stride;
}

// Where things lie in one mapping: taken one after the other, on cache lines.
class Layout {
 public:
  int64_t take(int64_t bytes) {
    const int64_t at = size_;
    size_ += round_up(bytes, int64_t{64});
    return at;
  }
  int64_t size() const { return size_; }

 private:
  int64_t size_ = 0;
};

void mark_slots(const graph::Decoder& decoder, BufferSizes& sizes) {
  sizes.slot_in_body.assign(sizes.slots.slot_width.size(), false);
  sizes.slot_in_head = sizes.slot_in_body;
  const auto slot = [&](graph::ValueId id) {
    return static_cast<size_t>(sizes.slots.slot_of[static_cast<size_t>(id)]);
  };
  for (size_t i = 0; i < decoder.ops.size(); ++i) {
    const bool in_head = i >= static_cast<size_t>(decoder.head_op);
    std::vector<bool>& marks = in_head ? sizes.slot_in_head : sizes.slot_in_body;
    std::visit(
        [&](const auto& op) {
          if constexpr (requires { op.parts; }) {
            for (const graph::LinearPart& part : op.parts) marks[slot(part.out)] = true;
          } else {
            marks[slot(op.out)] = true;
          }
        },
        decoder.ops[i]);
  }
  for (const graph::ValueId id : sizes.slots.carried) sizes.slot_in_head[slot(id)] = true;
}

}  // namespace

bool same_angles(const graph::Rope& a, const graph::Rope& b) {
  return a.rotary_dim == b.rotary_dim && a.freq_base == b.freq_base &&
         a.freq_scale == b.freq_scale && a.attention_factor == b.attention_factor &&
         a.factors == b.factors && a.ext_factor == b.ext_factor && a.beta_fast == b.beta_fast &&
         a.beta_slow == b.beta_slow && a.original_context == b.original_context;
}

BufferSizes BufferSizes::of(const graph::Decoder& decoder, const ExecutorOptions& options,
                            const MatrixKernels& matrix) {
  BufferSizes sizes{.max_rows = options.max_rows,
                    .head_rows = std::min(options.max_rows, kHeadRows),
                    .slots = assign_slots(decoder),
                    .matmul_scratch = matrix.scratch_bytes};
  mark_slots(decoder, sizes);
  std::vector<const graph::Rope*> tables;
  for (const graph::Op& any : decoder.ops) {
    if (const auto* linear = std::get_if<graph::Linear>(&any)) {
      sizes.linear_width = std::max(sizes.linear_width, linear->in_width);
    } else if (const auto* attention = std::get_if<graph::Attention>(&any)) {
      sizes.group_heads = std::max(sizes.group_heads, attention->heads / attention->kv_heads);
      sizes.head_dim = std::max(sizes.head_dim, attention->head_dim);
      sizes.value_head_dim = std::max(sizes.value_head_dim, attention->value_head_dim);
      sizes.chunk_floats = std::max(
          sizes.chunk_floats, ChunkStore::floats_for(attention->heads, attention->value_head_dim,
                                                     options.kv_tokens, options.max_sequences));
    } else if (const auto* rope = std::get_if<graph::Rope>(&any)) {
      sizes.rope_half = std::max(sizes.rope_half, rope->rotary_dim / 2);
      if (std::none_of(tables.begin(), tables.end(),
                       [&](const graph::Rope* t) { return same_angles(*t, *rope); })) {
        tables.push_back(rope);
      }
    }
  }
  sizes.rope_tables = static_cast<int64_t>(tables.size());
  return sizes;
}

int64_t BufferSizes::activation_bytes(ActivationKind kind) const {
  return cpu::activation_bytes(kind, round_up(linear_width, int64_t{256}), max_rows);
}

int64_t BufferSizes::bytes(int threads) const {
  int64_t floats = 0;
  int64_t activations = 0;
  for (int kind = 0; kind < kActivationKinds; ++kind) {
    activations += activation_bytes(static_cast<ActivationKind>(kind));
  }
  for (size_t s = 0; s < slots.slot_width.size(); ++s) {
    if (slot_in_body[s]) floats += stride_of(slots.slot_width[s]) * max_rows;
    if (slot_in_head[s]) floats += stride_of(slots.slot_width[s]);
  }
  floats +=
      rope_tables * 2 * stride_of(rope_half) * max_rows + threads * linear_width + chunk_floats;
  return floats * static_cast<int64_t>(sizeof(float)) + activations +
         threads *
             (matmul_scratch + AttentionScratch::bytes(group_heads, head_dim, value_head_dim));
}

Result<StepBuffers> StepBuffers::create(const graph::Decoder& decoder, const BufferSizes& sizes,
                                        int threads) {
  StepBuffers buffers;
  buffers.slot_of_ = sizes.slots.slot_of;

  Layout layout;
  const auto float_bytes = static_cast<int64_t>(sizeof(float));
  std::vector<int64_t> body;
  std::vector<int64_t> head;
  for (size_t s = 0; s < sizes.slots.slot_width.size(); ++s) {
    const int64_t row_bytes = stride_of(sizes.slots.slot_width[s]) * float_bytes;
    body.push_back(layout.take(sizes.slot_in_body[s] ? row_bytes * sizes.max_rows : 0));
    head.push_back(layout.take(sizes.slot_in_head[s] ? row_bytes * sizes.head_rows : 0));
  }
  int64_t activations[kActivationKinds];
  for (int kind = 0; kind < kActivationKinds; ++kind) {
    activations[kind] = layout.take(sizes.activation_bytes(static_cast<ActivationKind>(kind)));
  }
  buffers.angles_stride_ = stride_of(sizes.rope_half);
  buffers.angles_rows_ = sizes.max_rows;
  const int64_t angles =
      layout.take(sizes.rope_tables * 2 * buffers.angles_stride_ * sizes.max_rows * float_bytes);

  const int64_t chunks = layout.take(sizes.chunk_floats * float_bytes);
  const int64_t matmul_scratch = layout.take(threads * sizes.matmul_scratch);
  IX_ASSIGN_OR_RETURN(buffers.memory_, PageBuffer::reserve(static_cast<uint64_t>(layout.size())));
  std::byte* base = buffers.memory_.data();
  for (size_t s = 0; s < body.size(); ++s) {
    buffers.slots_.push_back({.body = reinterpret_cast<float*>(base + body[s]),
                              .head = reinterpret_cast<float*>(base + head[s]),
                              .stride = stride_of(sizes.slots.slot_width[s])});
  }
  for (int kind = 0; kind < kActivationKinds; ++kind) {
    buffers.activations_[kind] = reinterpret_cast<uint8_t*>(base + activations[kind]);
  }
  buffers.angles_ = reinterpret_cast<float*>(base + angles);
  buffers.chunks_ = {.data = reinterpret_cast<float*>(base + chunks), .floats = sizes.chunk_floats};

  buffers.kept_.stride = round_up(decoder.vocab_size, kLineFloats);
  IX_ASSIGN_OR_RETURN(buffers.kept_memory_,
                      PageBuffer::reserve(static_cast<uint64_t>(buffers.kept_.stride *
                                                                sizes.max_rows * float_bytes)));
  buffers.kept_.data = reinterpret_cast<float*>(buffers.kept_memory_.data());

  buffers.linear_ =
      LinearScratch(threads, sizes.linear_width, base + matmul_scratch, sizes.matmul_scratch);
  for (int t = 0; t < threads; ++t) {
    buffers.attention_.emplace_back(sizes.group_heads, sizes.head_dim, sizes.value_head_dim);
  }
  return buffers;
}

Rows StepBuffers::value(graph::ValueId id, bool head) const {
  const Slot& slot = slots_[static_cast<size_t>(slot_of_[static_cast<size_t>(id)])];
  return {.data = head ? slot.head : slot.body, .stride = slot.stride};
}

Rows StepBuffers::cosine(int64_t table) const {
  return {.data = angles_ + table * 2 * angles_rows_ * angles_stride_, .stride = angles_stride_};
}

Rows StepBuffers::sine(int64_t table) const {
  Rows rows = cosine(table);
  rows.data += angles_rows_ * angles_stride_;
  return rows;
}

}  // namespace ix::backend::cpu
