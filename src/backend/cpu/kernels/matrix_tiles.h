// The loop around the micro-kernels: panels × tiles of columns.
//
// Included by instruction set files, so all of it is of internal linkage.
#pragma once

#include <stdint.h>

#include "backend/cpu/kernels/matrix_kernels.h"

// Arrays of registers stay registers only where everything that takes them is inlined.
#define IX_INLINE inline __attribute__((always_inline))

namespace ix::backend::cpu {

// How far ahead of its loads the stream of weights is fetched. Several columns take so long for a
// byte that fetching to the second level, far ahead, keeps the first level's few miss registers
// free (Zen 4, 8 columns of Q4_K from memory, two cores: 728 GOPS against 590 at 4 KiB to the
// first; 390 without).
//
// One column is bound by memory. In AVX-512 AMD's own prefetchers then do best where nobody else
// fetches and lines come in ascending order, so that a block's head, which the loop needs piece by
// piece, is asked for before its quants (Zen 4, one core, GB/s of Q4_K: 22; 18 without that order;
// 16 to 19 with any fetching ahead; a loop that only reads, 24). Of blocks of 32 all lines are
// (Q8_0: 27 GB/s; 21 without), of blocks of 256 not (17). AVX2's loops, which take longer for a
// byte, want 4 KiB ahead (19 against 12).
//
// Intel's CPUs want to be ahead of their own prefetchers, which stop at a page's end, by less than
// a page (Granite Rapids, one column of Q4_K, two cores, to the second level: 29 GB/s, all that
// they read, at 3 KiB, 25 at 8 and more; 17 at 4 KiB to the first level).
#if defined(__AMX_TILE__)
template <int kColumns>
constexpr int64_t kPrefetchBytes = 3072;
template <int kColumns>
constexpr int kPrefetchLocality = kColumns <= 4 ? 2 : 3;
#else
template <int kColumns>
constexpr int64_t kPrefetchBytes = kColumns == 1 ? 4096 : 16384;
template <int kColumns>
constexpr int kPrefetchLocality = kColumns == 1 ? 3 : 2;  // prefetcht0, prefetcht1
#endif
#if defined(__AVX512F__) && !defined(__AMX_TILE__)
template <int kColumns>
constexpr bool kHeadsOnly = kColumns == 1;
#else
template <int kColumns>
constexpr bool kHeadsOnly = false;
#endif

template <int kBytes, int kLocality>
static IX_INLINE void prefetch_lines(const char* p) {
#pragma GCC unroll 64
  for (int i = 0; i < kBytes; i += 64) __builtin_prefetch(p + i, 0, kLocality);
}

// For each piece of a block as its loads begin: what is to be fetched now, kBytes of it. Heads come
// before their quants.
template <int kBytes, int kColumns>
static IX_INLINE void prefetch(const void* p) {
  if constexpr (!kHeadsOnly<kColumns>) {
    prefetch_lines<kBytes, kPrefetchLocality<kColumns>>(static_cast<const char*>(p) +
                                                        kPrefetchBytes<kColumns>);
  }
}
template <int kBytes, int kColumns>
static IX_INLINE void prefetch_head(const void* p) {
  if constexpr (kHeadsOnly<kColumns>) {
    prefetch_lines<kBytes, 3>(static_cast<const char*>(p));
  } else {
    prefetch<kBytes, kColumns>(p);
  }
}

// One column passes through the first level with every panel, whose weights push it out again: its
// next block is fetched (Zen 4, one core, Q4_K with 11,008 columns: 0.88 times the speed of a loop
// that only reads the weights without, 1.04 with).
template <typename Activation, int kColumns>
static IX_INLINE void prefetch_column(const uint8_t* next) {
  if constexpr (kHeadsOnly<kColumns>) {
    prefetch_lines<sizeof(Activation) + 63, 3>(reinterpret_cast<const char*>(next));
  }
}

// Step `step` of `steps` of a block's share of the activations that come next.
static IX_INLINE void prefetch_next(const uint8_t* next, int64_t lines, int step, int steps) {
  for (int64_t i = step; i < lines; i += steps) __builtin_prefetch(next + 64 * i);
}

// Weights that stay in the second-level cache (1 MiB on the CPUs at hand) together with a tile's
// activations while the columns of many activation rows pass over them.
constexpr int64_t kGroupBytes = 384 << 10;

// A tile: one panel × some activation rows.
struct Tile {
  const uint8_t* panel;
  int64_t blocks;
  const uint8_t* x;      // block 0 of the first row; those of the others follow
  int64_t block_stride;  // from one block to the next
  float* out;            // [activation row][row of the panel]
  int64_t out_stride;
  int64_t rows;  // of the panel that are written
  // Cache lines to fetch for the tile after this one, at each block: the hardware does not see that
  // run coming.
  const uint8_t* next;
  int64_t next_lines;
};

// Kernel::tile<C>(tile): C activation rows × the 16 rows of a panel.
template <typename Kernel, int kColumns>
static void run_tile(int64_t columns, const Tile& tile) {
  if constexpr (kColumns > 1) {
    if (columns < kColumns) return run_tile<Kernel, kColumns - 1>(columns, tile);
  }
  Kernel::template tile<kColumns>(tile);
}

// Columns in tiles as even as can be: 9 are 5 and 4, not 8 and 1. Returns where tile t starts.
static inline int64_t tile_start(int64_t columns, int64_t tiles, int64_t t) {
  return t * (columns / tiles) + (t < columns % tiles ? t : columns % tiles);
}

// All columns × panels [first, last): the panels of a group are read once for each tile of columns.
template <typename Kernel>
static void run_group(const MatmulArgs& args, int64_t first, int64_t last) {
  constexpr int64_t kBlockBytes = sizeof(typename Kernel::Activation);
  const int64_t tiles = (args.n + Kernel::kMaxColumns - 1) / Kernel::kMaxColumns;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t column = tile_start(args.n, tiles, t);
    const int64_t next_column = tile_start(args.n, tiles, t + 1);
    Tile tile;
    tile.blocks = args.blocks;
    tile.x = args.activations + column * kBlockBytes;
    tile.block_stride = args.block_stride;
    tile.out_stride = args.out_stride;
    // Each panel's tile fetches its share of the next tile's activations.
    const int64_t next_bytes =
        t + 1 < tiles ? (tile_start(args.n, tiles, t + 2) - next_column) * kBlockBytes : 0;
    tile.next_lines = (next_bytes + 64 * (last - first) - 1) / (64 * (last - first));
    for (int64_t p = first; p < last; ++p) {
      const int64_t row = p * kPanelRows;
      tile.panel = args.panels + p * args.panel_bytes;
      tile.out = args.out + column * args.out_stride + row;
      tile.rows = args.rows - row < kPanelRows ? args.rows - row : kPanelRows;
      tile.next = args.activations + next_column * kBlockBytes + (p - first) * tile.next_lines * 64;
      run_tile<Kernel, Kernel::kMaxColumns>(next_column - column, tile);
    }
  }
}

template <typename Kernel>
static void run_tiles(const MatmulArgs& args) {
  const int64_t fit = kGroupBytes / args.panel_bytes;
  const int64_t group = fit > 1 ? fit : 1;
  for (int64_t first = args.first_panel; first < args.last_panel; first += group) {
    const int64_t last = first + group < args.last_panel ? first + group : args.last_panel;
    run_group<Kernel>(args, first, last);
  }
}

}  // namespace ix::backend::cpu
