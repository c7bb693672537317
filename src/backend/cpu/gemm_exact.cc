#include "backend/cpu/gemm_exact.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked_math.h"
#include "quant/blocks.h"

namespace ix::backend::cpu {
namespace {

static_assert(kExactDepth == quant::kSuperBlock);

constexpr int64_t kPanelHalves = int64_t{kExactDepth} * kExactRows;
constexpr int64_t kPanelBytes = kPanelHalves * int64_t{sizeof(uint16_t)};
constexpr int64_t kTileBlock = int64_t{kExactDepth} * kExactColumns;  // floats
// Widened columns that are kept at once: half of a usual share of the third-level cache. More
// columns go in several passes, each of which dequantises A again, about 3 % of 250 columns' work.
constexpr int64_t kColumnBytes = int64_t{16} << 20;
// Panels that pass over a block of columns together, while it is in the second-level cache with
// their sums.
constexpr int64_t kPanelsOfTask = 4;
constexpr int64_t kSumBytesOfTask = int64_t{256} << 10;
constexpr int64_t kTasksOfThread = 4;  // enough to share the work evenly

// Where the panels of A come from: dequantised when they are needed, or packed before.
class Panels {
 public:
  Panels(const ExactKernels& kernels, const Q4KRows& rows)
      : kernels_(kernels), quantised_(rows), rows_(rows.rows), cols_(rows.cols) {}
  Panels(const ExactKernels& kernels, const HalfMatrix& matrix)
      : kernels_(kernels), halves_(&matrix), rows_(matrix.rows()), cols_(matrix.cols()) {}

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t panels() const { return ceil_div<int64_t>(rows_, kExactRows); }
  int64_t blocks() const { return cols_ / kExactDepth; }
  int rows_of(int64_t panel) const {
    return static_cast<int>(std::min<int64_t>(kExactRows, rows_ - panel * kExactRows));
  }

  // `room` holds a panel, which the result may be.
  const uint16_t* panel(int64_t panel, int64_t block, uint16_t* room) const {
    if (halves_ != nullptr) return halves_->panel(panel, block);
    dequantize(panel, block, room);
    return room;
  }

  void dequantize(int64_t panel, int64_t block, uint16_t* out) const {
    kernels_.dequantize(quantised_.blocks + panel * kExactRows * quantised_.row_bytes +
                            block * int64_t{sizeof(quant::BlockQ4K)},
                        quantised_.row_bytes, rows_of(panel), out);
  }

 private:
  const ExactKernels& kernels_;
  Q4KRows quantised_;
  const HalfMatrix* halves_ = nullptr;
  int64_t rows_;
  int64_t cols_;
};

// Columns [first, first + width) to a tile: blocks [kExactDepth, width], block_stride floats apart.
void pack_tile(const ExactKernels& kernels, const GemmColumns& columns, int64_t first, int width,
               int64_t depth, float* tile, int64_t block_stride) {
  const GemmLayout& layout = columns.layout();
  const auto pack = layout.b_transposed ? kernels.pack_columns : kernels.pack_rows;
  const int64_t column_step = layout.b_transposed ? layout.ldb : 1;
  const int64_t k_step = layout.b_transposed ? 1 : layout.ldb;
  columns.for_each_run(
      first, width, [&](const GemmOperands& operands, int64_t column, int64_t at, int64_t run) {
        for (int64_t block = 0; block < depth / kExactDepth; ++block) {
          pack(operands.b + column * column_step + block * kExactDepth * k_step, layout.ldb,
               kExactDepth, static_cast<int>(run), width, tile + block * block_stride + at);
        }
      });
}

// How one pass over some columns is cut into tasks, and where its memory lies.
struct Pass {
  int64_t first_column;
  int64_t columns;
  int64_t panels_of_task;
  int64_t columns_of_task;  // a multiple of kExactColumns
  int64_t row_tasks;
  int64_t column_tasks;

  // Tiles lie as [block of k][tile]: a block of all columns is contiguous, so that it does not fall
  // into few sets of the second-level cache.
  int64_t block_stride() const { return ceil_div<int64_t>(columns, kExactColumns) * kTileBlock; }
};

Pass plan_pass(const Panels& a, int64_t first_column, int64_t columns, int threads) {
  Pass pass = {first_column, columns, 1, round_up<int64_t>(columns, kExactColumns), 1, 1};
  const int64_t fair = std::max<int64_t>(a.panels() / (kTasksOfThread * threads), 1);
  const int64_t sum_bytes = columns * kExactRows * int64_t{sizeof(float)};
  const int64_t cached = std::max<int64_t>(kSumBytesOfTask / sum_bytes, 1);
  pass.panels_of_task = std::min({fair, cached, kPanelsOfTask});
  pass.row_tasks = ceil_div(a.panels(), pass.panels_of_task);
  // Few panels: their columns are shared too, at the cost of dequantising a panel for each part.
  const int64_t wanted = kTasksOfThread * threads;
  if (threads > 1 && pass.row_tasks < wanted) {
    constexpr int64_t kFewest = int64_t{4} * kExactColumns;
    const int64_t parts = ceil_div(wanted, pass.row_tasks);
    pass.columns_of_task =
        round_up<int64_t>(std::max(ceil_div(columns, parts), kFewest), kExactColumns);
  }
  pass.column_tasks = ceil_div(columns, pass.columns_of_task);
  return pass;
}

int64_t sum_floats(const Pass& pass) {
  return pass.panels_of_task * std::min(pass.columns_of_task, pass.columns) * kExactRows;
}

int64_t scratch_bytes(const Pass& pass) {  // of one thread
  return round_up<int64_t>(kPanelBytes + sum_floats(pass) * int64_t{sizeof(float)}, 64);
}

void run_task(const ExactKernels& kernels, const Panels& a, const GemmColumns& columns,
              const Pass& pass, int64_t task, const float* tiles, std::byte* scratch) {
  const int64_t first_panel = task / pass.column_tasks * pass.panels_of_task;
  const int64_t last_panel = std::min(first_panel + pass.panels_of_task, a.panels());
  const int64_t begin = task % pass.column_tasks * pass.columns_of_task;
  const int64_t n = std::min(pass.columns_of_task, pass.columns - begin);
  auto* room = reinterpret_cast<uint16_t*>(scratch);
  auto* sums = reinterpret_cast<float*>(scratch + kPanelBytes);

  ExactMultiplyArgs args;
  args.tile_stride = kTileBlock;
  args.n = n;
  for (int64_t block = 0; block < a.blocks(); ++block) {
    args.first = block == 0;
    args.tiles = tiles + block * pass.block_stride() + begin / kExactColumns * kTileBlock;
    for (int64_t panel = first_panel; panel < last_panel; ++panel) {
      args.panel = a.panel(panel, block, room);
      args.sums = sums + (panel - first_panel) * n * kExactRows;
      kernels.multiply(args);
    }
  }
  for (int64_t panel = first_panel; panel < last_panel; ++panel) {
    store_columns(columns, sums + (panel - first_panel) * n * kExactRows, kExactRows,
                  pass.first_column + begin, n, panel * kExactRows, a.rows_of(panel));
  }
}

Status run(const ExactKernels& kernels, const Panels& a, const GemmColumns& columns,
           ThreadPool& pool, GemmWorkspace& workspace) {
  const int64_t column_bytes = a.cols() * int64_t{sizeof(float)};
  const int64_t fitting = kColumnBytes / column_bytes / kExactColumns * kExactColumns;
  constexpr int64_t kFewestColumns = int64_t{8} * kExactColumns;
  const int64_t most = std::min(columns.count(), std::max(fitting, kFewestColumns));

  const Pass widest = plan_pass(a, 0, most, pool.threads());
  const Pass last = plan_pass(a, 0, (columns.count() - 1) % most + 1, pool.threads());
  const int64_t scratch = std::max(scratch_bytes(widest), scratch_bytes(last));
  const int64_t tile_bytes = round_up<int64_t>(most, kExactColumns) * column_bytes;
  IX_ASSIGN_OR_RETURN(std::byte* const memory,
                      workspace.reserve(tile_bytes + scratch * pool.threads()));
  auto* tiles = reinterpret_cast<float*>(memory);

  for (int64_t first = 0; first < columns.count(); first += most) {
    const Pass pass = plan_pass(a, first, std::min(most, columns.count() - first), pool.threads());
    pool.run(ceil_div<int64_t>(pass.columns, kExactColumns), [&](int64_t tile, int /*thread*/) {
      const int64_t begin = tile * kExactColumns;
      const int64_t width = std::min<int64_t>(pass.columns - begin, kExactColumns);
      pack_tile(kernels, columns, first + begin, static_cast<int>(width), a.cols(),
                tiles + tile * kTileBlock, pass.block_stride());
    });
    pool.run(pass.row_tasks * pass.column_tasks, [&](int64_t task, int thread) {
      run_task(kernels, a, columns, pass, task, tiles, memory + tile_bytes + thread * scratch);
    });
  }
  return ok_status();
}

}  // namespace

Result<HalfMatrix> HalfMatrix::pack(const ExactKernels& kernels, const Q4KRows& a,
                                    ThreadPool& pool) {
  const Panels panels(kernels, a);
  HalfMatrix matrix;
  matrix.rows_ = a.rows;
  matrix.cols_ = a.cols;
  IX_ASSIGN_OR_RETURN(
      matrix.data_,
      PageBuffer::allocate(static_cast<uint64_t>(panels.panels() * panels.blocks() * kPanelBytes)));
  auto* data = reinterpret_cast<uint16_t*>(matrix.data_.data());
  pool.run(panels.panels(), [&](int64_t panel, int /*thread*/) {
    for (int64_t block = 0; block < panels.blocks(); ++block) {
      panels.dequantize(panel, block, data + (panel * panels.blocks() + block) * kPanelHalves);
    }
  });
  return matrix;
}

const uint16_t* HalfMatrix::panel(int64_t panel, int64_t block) const {
  const int64_t blocks = cols_ / kExactDepth;
  return reinterpret_cast<const uint16_t*>(data_.data()) + (panel * blocks + block) * kPanelHalves;
}

Status gemm_exact(const ExactKernels& kernels, const Q4KRows& a, const GemmLayout& layout,
                  std::span<const GemmOperands> batch, ThreadPool& pool, GemmWorkspace& workspace) {
  return run(kernels, Panels(kernels, a), GemmColumns(layout, batch), pool, workspace);
}

Status gemm_exact(const ExactKernels& kernels, const HalfMatrix& a, const GemmLayout& layout,
                  std::span<const GemmOperands> batch, ThreadPool& pool, GemmWorkspace& workspace) {
  return run(kernels, Panels(kernels, a), GemmColumns(layout, batch), pool, workspace);
}

}  // namespace ix::backend::cpu
