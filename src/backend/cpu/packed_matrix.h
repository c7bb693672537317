// A weight matrix in panels, the form that the matrix kernels read (kernels/panel_format.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/cpu/kernels/matrix_kernels.h"
#include "base/page_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "quant/weight_source.h"

namespace ix::backend::cpu {

// Whether a matrix of that type and shape has a panel form. Where not, the caller dequantises rows
// with quant::dequantize_row.
bool can_pack(quant::TensorType type, int64_t rows, int64_t cols);

// Bytes of the panels, a multiple of 64. Only where can_pack().
int64_t packed_bytes(quant::TensorType type, int64_t rows, int64_t cols);

// Activations of n rows in blocks, quantised or as they are: block b of row j lies at
// (b * n + j) * activation_block_bytes().
int64_t activation_block_bytes(ActivationKind kind);
int64_t activation_bytes(ActivationKind kind, int64_t cols, int64_t n);

// x [cols] to row j of n rows at `activations`.
void quantize_row(QuantizeFn quantize, ActivationKind kind, const float* x, int64_t cols, int64_t j,
                  int64_t n, uint8_t* activations);

struct PackOptions {
  // Where the panels go: 64-byte aligned, at least packed_bytes() long, zeros are not expected, and
  // it outlives the matrix. Empty: the matrix has its own pages. One buffer for many small matrices
  // keeps them in huge pages.
  std::span<std::byte> storage;
  // Told, as packing goes on, which bytes of the tensor will not be read again. Null: nobody.
  const quant::WeightSource* source = nullptr;
};

// Immutable after pack(); any thread may read it.
class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Reads tensor.bytes on all threads of the pool, the caller's included. unsupported where
  // can_pack() says no, corrupt where the bytes are not rows × row_bytes, resource_exhausted
  // without memory.
  static Result<PackedMatrix> pack(const quant::TensorView& tensor, ThreadPool& pool,
                                   const PackOptions& options = {});

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  PackedType type() const { return traits_->type; }
  ActivationKind activation() const { return traits_->activation; }
  int64_t panels() const { return panels_; }  // of kPanelRows rows
  int64_t bytes() const { return panels_ * panel_bytes_; }

  // The bytes of panels [first_panel, panels()).
  std::span<const std::byte> panels_from(int64_t first_panel) const {
    return {reinterpret_cast<const std::byte*>(data_) + first_panel * panel_bytes_,
            static_cast<size_t>((panels_ - first_panel) * panel_bytes_)};
  }

  // out[j * out_stride + row] for j in [0, n) and the rows of panels [first_panel, last_panel).
  // activations: n rows that quantize_row() wrote with kernels.quantize[activation()]. Bits depend
  // on the row and the kernels only. scratch: kernels.scratch_bytes, 64-byte aligned, of no other
  // thread.
  void matmul(const MatrixKernels& kernels, int64_t first_panel, int64_t last_panel,
              const uint8_t* activations, int64_t n, float* out, int64_t out_stride,
              std::byte* scratch) const;

  // The same for all panels, spread over the pool. scratch: as much for each of its threads.
  void matmul(const MatrixKernels& kernels, ThreadPool& pool, const uint8_t* activations, int64_t n,
              float* out, int64_t out_stride, std::byte* scratch) const;

  // Panels that one task of a pool should take when n rows are multiplied: small enough to share
  // the work evenly, large enough that taking a task costs nothing.
  int64_t panels_per_task(const MatrixKernels& kernels, int64_t n, int threads) const;

  // Weights of one row, equal bit for bit to quant::dequantize_row of the source's row.
  // out.size() == cols().
  void dequantize_row(int64_t row, std::span<float> out) const;

 private:
  const PanelTraits* traits_ = nullptr;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  int64_t blocks_ = 0;  // along a row
  int64_t panels_ = 0;
  int64_t panel_bytes_ = 0;
  const uint8_t* data_ = nullptr;
  PageBuffer own_;
};

}  // namespace ix::backend::cpu
