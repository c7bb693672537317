#include "backend/cpu/packed_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "backend/cpu/pack_panels.h"
#include "backend/cpu/unpack_panels.h"
#include "base/check.h"
#include "base/checked_math.h"

namespace ix::backend::cpu {
namespace {

using quant::TensorType;

// Source bytes that are packed before their pages are given back.
constexpr int64_t kReleaseBytes = int64_t{16} << 20;
// Weights that are worth one task of a pool: some microseconds for one activation row. What a
// kernel fetches beyond the end of its task is another thread's, so tasks are not smaller for more
// rows.
constexpr int64_t kTaskBytes = int64_t{128} << 10;
// From this many activation rows on a task takes several panels, which share the rows that a kernel
// keeps in the second-level cache.
constexpr int64_t kManyRows = 64;
// No matrix is larger; keeps every product below far from wrapping.
constexpr int64_t kMaxElements = int64_t{1} << 44;

struct Geometry {
  int64_t blocks;
  int64_t panels;
  int64_t panel_bytes;
};

const PanelTraits* find_panel_traits(TensorType type) {
  const auto traits = [](PackedType packed) { return &kPanelTraits[static_cast<int>(packed)]; };
  switch (type) {
    case TensorType::q4_0:
      return traits(PackedType::q4_0);
    case TensorType::q4_1:
      return traits(PackedType::q4_1);
    case TensorType::q5_0:
      return traits(PackedType::q5_0);
    case TensorType::q5_1:
      return traits(PackedType::q5_1);
    case TensorType::q8_0:
      return traits(PackedType::q8_0);
    case TensorType::q2_k:
      return traits(PackedType::q2_k);
    case TensorType::q3_k:
      return traits(PackedType::q3_k);
    case TensorType::q4_k:
      return traits(PackedType::q4_k);
    case TensorType::q5_k:
      return traits(PackedType::q5_k);
    case TensorType::q6_k:
      return traits(PackedType::q6_k);
    case TensorType::f16:
      return traits(PackedType::f16);
    case TensorType::bf16:
      return traits(PackedType::bf16);
    default:
      return nullptr;
  }
}

// Nothing where the shape has no panel form.
std::optional<Geometry> geometry(const PanelTraits* traits, int64_t rows, int64_t cols) {
  if (traits == nullptr || rows <= 0 || cols <= 0 || cols % traits->block_cols != 0) return {};
  const std::optional<int64_t> elements = checked_mul(rows, cols);
  if (!elements || *elements > kMaxElements) return {};
  Geometry g;
  g.blocks = cols / traits->block_cols;
  g.panels = ceil_div<int64_t>(rows, kPanelRows);
  g.panel_bytes = round_up<int64_t>(g.blocks * traits->block_bytes, 64);
  return g;
}

}  // namespace

bool can_pack(TensorType type, int64_t rows, int64_t cols) {
  return geometry(find_panel_traits(type), rows, cols).has_value();
}

int64_t packed_bytes(TensorType type, int64_t rows, int64_t cols) {
  const std::optional<Geometry> g = geometry(find_panel_traits(type), rows, cols);
  IX_CHECK(g.has_value());
  return g->panels * g->panel_bytes;
}

int64_t activation_block_bytes(ActivationKind kind) {
  return kActivationTraits[static_cast<int>(kind)].block_bytes;
}

int64_t activation_bytes(ActivationKind kind, int64_t cols, int64_t n) {
  return cols / kActivationTraits[static_cast<int>(kind)].block_cols * n *
         activation_block_bytes(kind);
}

void quantize_row(QuantizeFn quantize, ActivationKind kind, const float* x, int64_t cols, int64_t j,
                  int64_t n, uint8_t* activations) {
  const int64_t bytes = activation_block_bytes(kind);
  quantize(x, cols, n * bytes, activations + j * bytes);
}

Result<PackedMatrix> PackedMatrix::pack(const quant::TensorView& tensor, ThreadPool& pool,
                                        const PackOptions& options) {
  const int64_t rows = tensor.rows();
  const int64_t cols = tensor.cols();
  const PanelTraits* traits = find_panel_traits(tensor.type);
  const std::optional<Geometry> g = geometry(traits, rows, cols);
  if (!g) {
    return unsupported(fmt::format("tensor '{}' (type {}, [{}, {}]) has no packed form",
                                   tensor.name, static_cast<uint32_t>(tensor.type), rows, cols));
  }
  const int64_t row_bytes = g->blocks * traits->source_bytes;
  if (tensor.bytes.size() != static_cast<uint64_t>(rows) * static_cast<uint64_t>(row_bytes)) {
    return corrupt(fmt::format("tensor '{}' has {} bytes; {} rows of {} bytes were expected",
                               tensor.name, tensor.bytes.size(), rows, row_bytes));
  }
  PackedMatrix matrix;
  matrix.traits_ = traits;
  matrix.rows_ = rows;
  matrix.cols_ = cols;
  matrix.blocks_ = g->blocks;
  matrix.panels_ = g->panels;
  matrix.panel_bytes_ = g->panel_bytes;

  std::span<std::byte> storage = options.storage;
  if (storage.empty()) {
    Result<PageBuffer> buffer = PageBuffer::allocate(static_cast<uint64_t>(matrix.bytes()));
    if (!buffer.ok()) {
      return buffer.status().with_context(fmt::format("packing tensor '{}'", tensor.name));
    }
    matrix.own_ = *std::move(buffer);
    storage = matrix.own_.bytes();
  }
  IX_CHECK(static_cast<int64_t>(storage.size()) >= matrix.bytes());
  IX_CHECK(reinterpret_cast<uintptr_t>(storage.data()) % 64 == 0);
  auto* data = reinterpret_cast<uint8_t*>(storage.data());
  matrix.data_ = data;

  const int64_t chunk = std::max<int64_t>(kReleaseBytes / (row_bytes * kPanelRows), 1);
  for (int64_t first = 0; first < g->panels; first += chunk) {
    const int64_t count = std::min(chunk, g->panels - first);
    pool.run(count, [&](int64_t index, int /*thread*/) {
      const int64_t panel = first + index;
      const int64_t row = panel * kPanelRows;
      pack_panel(traits->type, tensor.bytes.data() + row * row_bytes, row_bytes,
                 std::min<int64_t>(kPanelRows, rows - row), g->blocks,
                 data + panel * g->panel_bytes);
    });
    if (options.source != nullptr) {
      const int64_t begin = first * kPanelRows * row_bytes;
      const int64_t end = std::min((first + count) * kPanelRows, rows) * row_bytes;
      quant::TensorView done = tensor;
      done.dims = {cols, (end - begin) / row_bytes, 1, 1};
      done.bytes =
          tensor.bytes.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      options.source->release(done);
    }
  }
  return matrix;
}

void PackedMatrix::matmul(const MatrixKernels& kernels, int64_t first_panel, int64_t last_panel,
                          const uint8_t* activations, int64_t n, float* out, int64_t out_stride,
                          std::byte* scratch) const {
  MatmulArgs args;
  args.panels = data_;
  args.panel_bytes = panel_bytes_;
  args.first_panel = first_panel;
  args.last_panel = last_panel;
  args.rows = rows_;
  args.blocks = blocks_;
  args.activations = activations;
  args.block_stride = n * activation_block_bytes(activation());
  args.n = n;
  args.out = out;
  args.out_stride = out_stride;
  args.scratch = reinterpret_cast<uint8_t*>(scratch);
  kernels.matmul[static_cast<int>(traits_->type)](args);
}

void PackedMatrix::matmul(const MatrixKernels& kernels, ThreadPool& pool,
                          const uint8_t* activations, int64_t n, float* out, int64_t out_stride,
                          std::byte* scratch) const {
  const int64_t step = panels_per_task(kernels, n, pool.threads());
  pool.run(ceil_div(panels_, step), [&](int64_t task, int thread) {
    const int64_t first = task * step;
    matmul(kernels, first, std::min(first + step, panels_), activations, n, out, out_stride,
           scratch + thread * kernels.scratch_bytes);
  });
}

int64_t PackedMatrix::panels_per_task(const MatrixKernels& kernels, int64_t n, int threads) const {
  const int64_t enough = n >= kManyRows ? kernels.group_panels : ceil_div(kTaskBytes, panel_bytes_);
  const int64_t fair = panels_ / (int64_t{4} * threads);  // four tasks a thread at least
  return std::max<int64_t>(std::min(enough, fair), 1);
}

void PackedMatrix::dequantize_row(int64_t row, std::span<float> out) const {
  IX_CHECK(row >= 0 && row < rows_ && static_cast<int64_t>(out.size()) == cols_);
  unpack_row(traits_->type, data_ + row / kPanelRows * panel_bytes_, blocks_,
             static_cast<int>(row % kPanelRows), out.data());
}

}  // namespace ix::backend::cpu
