#include "backend/cpu/row_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/checked_math.h"

namespace ix::backend::cpu {
namespace {

// In double, so that angles of late positions keep their digits.
void rope_angles(const RowOp& op, int64_t row, Position position) {
  float* cosine = op.out.row(row);
  float* sine = op.b.row(row);
  for (int64_t i = 0; i < op.half; ++i) {
    const double angle = static_cast<double>(position) * static_cast<double>(op.weight[i]);
    cosine[i] = static_cast<float>(std::cos(angle)) * op.number;
    sine[i] = static_cast<float>(std::sin(angle)) * op.number;
  }
}

void rope(const RowOp& op, int64_t row, const VectorKernels& kernels) {
  const auto turn =
      op.kind == RowOpKind::rope_halves ? kernels.rope_halves : kernels.rope_interleaved;
  const int64_t turned = 2 * op.half;
  for (int64_t h = 0; h < op.heads; ++h) {
    const float* in = op.a.row(row) + h * op.width;
    float* out = op.out.row(row) + h * op.width;
    turn(in, op.b.row(row), op.c.row(row), op.half, out);
    if (turned < op.width) {
      std::memcpy(out + turned, in + turned,
                  static_cast<size_t>(op.width - turned) * sizeof(float));
    }
  }
}

void store_key_value(const RowOp& op, int64_t row, const RowOpContext& context) {
  const Position position = context.rows.position(row);
  const auto table = context.rows.sequence(row).block_tables[static_cast<size_t>(op.kv_group)];
  context.cache.store(context.kernels.attention, op.kv_layer,
                      table[static_cast<size_t>(position / kBlockTokens)], position % kBlockTokens,
                      op.a.row(row), op.b.row(row));
}

void run_row_op(const RowOp& op, int64_t row, const RowOpContext& context) {
  const VectorKernels& kernels = context.kernels;
  switch (op.kind) {
    case RowOpKind::embedding:
      op.embedding->read(context.rows.tokens[static_cast<size_t>(row)],
                         {op.out.row(row), static_cast<size_t>(op.width)});
      break;
    case RowOpKind::rope_angles:
      rope_angles(op, row, context.rows.position(row));
      break;
    case RowOpKind::rms_norm:
      for (int64_t g = 0; g < op.heads; ++g) {
        kernels.rms_norm(op.a.row(row) + g * op.width, op.weight, op.number, op.width,
                         op.out.row(row) + g * op.width);
      }
      break;
    case RowOpKind::rope_halves:
    case RowOpKind::rope_interleaved:
      rope(op, row, kernels);
      break;
    case RowOpKind::gated_silu:
      kernels.gated_silu(op.a.row(row), op.b.row(row), op.width, op.out.row(row));
      break;
    case RowOpKind::gated_gelu:
      kernels.gated_gelu(op.a.row(row), op.b.row(row), op.width, op.out.row(row));
      break;
    case RowOpKind::add:
      kernels.add(op.a.row(row), op.b.row(row), op.width, op.out.row(row));
      break;
    case RowOpKind::add_bias:
      kernels.add(op.a.row(row), op.weight, op.width, op.out.row(row));
      break;
    case RowOpKind::scale:
      kernels.scale(op.a.row(row), op.number, op.width, op.out.row(row));
      break;
    case RowOpKind::soft_cap:
      kernels.soft_cap(op.a.row(row), op.number, op.width, op.out.row(row));
      break;
    case RowOpKind::quantize:
      quantize_row(op.quantize, op.activation, op.a.row(row), op.width, row, context.n,
                   op.activations);
      break;
    case RowOpKind::store_key_value:
      store_key_value(op, row, context);
      break;
  }
}

}  // namespace

void run_row_ops(std::span<const RowOp> ops, const RowOpContext& context, ThreadPool& pool) {
  const int64_t n = context.n;
  // Several tasks a thread, so that a late one does not hold the others.
  const int64_t rows_per_task = ceil_div(n, int64_t{pool.threads()} * 4);
  pool.run(ceil_div(n, rows_per_task), [&](int64_t task, int /*thread*/) {
    const int64_t end = std::min(n, (task + 1) * rows_per_task);
    for (int64_t row = task * rows_per_task; row < end; ++row) {
      for (const RowOp& op : ops) run_row_op(op, row, context);
    }
  });
}

}  // namespace ix::backend::cpu
