// The loop around the micro-kernels: panels × tiles of columns.
//
// Included by instruction set files, so all of it is of internal linkage.
#pragma once

#include <stdint.h>

#include "backend/cpu/kernels/matrix_kernels.h"

namespace ix::backend::cpu {

// Activations of one pass over the panels: they stay in the second-level cache (1 MiB on the CPUs
// at hand) while panel after panel streams past.
constexpr int64_t kPassBytes = 384 << 10;

// Kernel::tile<C>(panel, args, x, out, rows): C activation rows at x × the 16 rows of a panel, of
// which `rows` are written to out.
template <typename Kernel, int kColumns>
static void run_tile(int64_t columns, const uint8_t* panel, const MatmulArgs& args,
                     const uint8_t* x, float* out, int64_t rows) {
  if constexpr (kColumns > 1) {
    if (columns < kColumns) {
      return run_tile<Kernel, kColumns - 1>(columns, panel, args, x, out, rows);
    }
  }
  Kernel::template tile<kColumns>(panel, args, x, out, rows);
}

// Columns [first, first + count) × all panels of args, in tiles as even as can be: 9 columns are 5
// and 4, not 8 and 1.
template <typename Kernel>
static void run_pass(const MatmulArgs& args, int64_t first, int64_t count) {
  const int64_t tiles = (count + Kernel::kMaxColumns - 1) / Kernel::kMaxColumns;
  for (int64_t p = args.first_panel; p < args.last_panel; ++p) {
    const int64_t row = p * kPanelRows;
    const int64_t rows = args.rows - row < kPanelRows ? args.rows - row : kPanelRows;
    int64_t column = first;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t columns = count / tiles + (t < count % tiles ? 1 : 0);
      run_tile<Kernel, Kernel::kMaxColumns>(columns, args.panels + p * args.panel_bytes, args,
                                            args.activations + column * args.activation_stride,
                                            args.out + column * args.out_stride + row, rows);
      column += columns;
    }
  }
}

template <typename Kernel>
static void run_tiles(const MatmulArgs& args) {
  const int64_t fit = kPassBytes / (args.activation_stride > 0 ? args.activation_stride : 1);
  const int64_t pass =
      fit < 2 * Kernel::kMaxColumns ? 2 * Kernel::kMaxColumns : fit - fit % Kernel::kMaxColumns;
  for (int64_t first = 0; first < args.n; first += pass) {
    run_pass<Kernel>(args, first, args.n - first < pass ? args.n - first : pass);
  }
}

}  // namespace ix::backend::cpu
