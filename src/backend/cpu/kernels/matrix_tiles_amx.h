// The loop around AMX's micro-kernels: many activation rows × panels.
//
// A unit is one panel × a step of columns (a block of 256, or some of 32) × up to 32 activation
// rows. Its integer sums are made by the tile multiplier: activations are the rows of tile A,
// groups of panels, expanded to bytes, the rows of tile B as they lie. A product takes 16 cycles,
// the storing of a tile as many, in which it cannot multiply; and while a core uses tiles only one
// of its two vector multipliers works (Granite Rapids). So what is left to do with a unit's sums is
// done between the products of the next one, with additions where they do.
//
// Steps are the outer loop, so that a step's activations, gathered in tiles, stay in the
// second-level cache while the panels of a group pass over them; the group's float sums wait there
// meanwhile.
//
// Included by matrix_amx.cc, so all of it is of internal linkage.
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/matrix_tiles.h"

namespace ix::backend::cpu {
namespace {

constexpr int kTileRows = 16;             // of a tile register
constexpr int kUnitRows = 2 * kTileRows;  // activation rows
constexpr int64_t kGroupPanels = 32;      // as many as a task of many rows has
constexpr int64_t kGroupUnits = 8;
constexpr int64_t kGroupColumns = kGroupUnits * kUnitRows;
// How many panels ahead weights are fetched (Granite Rapids, 16 rows of Q4_K from memory, one core:
// 325 GOPS with one, 457 with two or more).
constexpr int64_t kPanelsAhead = 4;

// Tile registers: 0 and 1 hold sums of the first 16 activation rows, 2 and 3 of the others; then A
// of both, and B.
constexpr int kFirstA = 4;
constexpr int kSecondA = 5;
constexpr int kFirstB = 6;
constexpr int kSecondB = 7;

// g++'s own intrinsics want literals and do not say that they read and write memory.
template <int kTile>
IX_INLINE void tile_load(const void* rows, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(rows), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
IX_INLINE void tile_store(void* rows) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)"
               :
               : "r"(rows), "r"(int64_t{64}), "i"(kTile)
               : "memory");
}
template <int kTile>
IX_INLINE void tile_zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
}
// sums += signed A × unsigned B, or signed B
template <int kSums, int kA, int kB, bool kSigned>
IX_INLINE void tile_dot() {
  if constexpr (kSigned) {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
  } else {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
  }
}
// The same of bfloat16.
template <int kSums, int kA, int kB>
IX_INLINE void tile_dot_bfloats() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
}

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  // first and second: activation rows of the two A tiles; k_bytes: columns of one product.
  TileConfig(int first, int second, int k_bytes) {
    if (second == 0) second = first;  // not used, but may not be empty
    for (int half = 0; half < 2; ++half) {
      const int x_rows = half == 0 ? first : second;
      set(2 * half, x_rows, 64);
      set(2 * half + 1, x_rows, 64);
      set(kFirstA + half, x_rows, k_bytes);
      set(kFirstB + half, k_bytes / 4, 64);
    }
  }

 private:
  void set(int tile, int tile_rows, int bytes) {
    rows[tile] = static_cast<uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<uint16_t>(bytes);
  }
};

// g++ 12's intrinsic says that it reads the first 8 bytes only.
IX_INLINE void tile_load_config(const TileConfig& config) {
  asm volatile("ldtilecfg %0" : : "m"(config));
}

// n activation rows in units of one width. The last starts where it has to for that, so some rows
// may be computed twice, to the same bits.
struct Units {
  int64_t count;
  int width;
  int64_t rows;

  explicit Units(int64_t n)
      : count((n + kUnitRows - 1) / kUnitRows),
        width(static_cast<int>((n + count - 1) / count)),
        rows(n) {}
  int64_t start(int64_t unit) const {
    const int64_t start = unit * width;
    return start < rows - width ? start : rows - width;
  }
};

template <typename Kernel>
struct alignas(64) Scratch {
  float acc[kGroupPanels][kGroupUnits][kUnitRows][kPanelRows];
  typename Kernel::Activations x[kGroupUnits];  // of a step
  typename Kernel::Weights weights;             // of a step and panel
  typename Kernel::Header headers[2];           // the same, and of the unit before
  typename Kernel::Sums sums[2];                // of a unit and of the one before
};

// A unit whose sums are there.
template <typename Kernel>
struct Finish {
  const typename Kernel::Header* header;
  const typename Kernel::Sums* sums;
  const typename Kernel::Activations* x;
  float (*acc)[kPanelRows];
  bool first;  // nothing is in acc yet

  // acc of a row += scale × total
  template <bool kFirst>
  IX_INLINE void add(int row, __m512 scale, __m512 total) const {
    const __m512 sum = kFirst ? _mm512_setzero_ps() : _mm512_load_ps(acc[row]);
    _mm512_store_ps(acc[row], _mm512_fmadd_ps(total, scale, sum));
  }
};

// Rows [4 * kPart, 4 * kPart + 4) of a unit, as far as it has them.
template <typename Kernel, bool kWhole, int kPart>
IX_INLINE void finish_part(const Finish<Kernel>& unit, int width) {
  constexpr int kFrom = 4 * kPart;
  const int to = kWhole || width > kFrom + 4 ? kFrom + 4 : width;
  if (unit.first) {
    Kernel::template finish<kFrom, true>(unit, to);
  } else {
    Kernel::template finish<kFrom, false>(unit, to);
  }
}

template <typename Kernel, bool kWhole>
void finish_all(const Finish<Kernel>& unit, int width) {
  finish_part<Kernel, kWhole, 0>(unit, width);
  finish_part<Kernel, kWhole, 1>(unit, width);
  finish_part<Kernel, kWhole, 2>(unit, width);
  finish_part<Kernel, kWhole, 3>(unit, width);
  finish_part<Kernel, kWhole, 4>(unit, width);
  finish_part<Kernel, kWhole, 5>(unit, width);
  finish_part<Kernel, kWhole, 6>(unit, width);
  finish_part<Kernel, kWhole, 7>(unit, width);
}

template <typename Kernel>
struct Group {
  using Panel = typename Kernel::Panel;

  const MatmulArgs& args;
  Scratch<Kernel>& scratch;
  int64_t first_panel;
  int64_t panels;
  int64_t first_column;
  Units units;

  // kWhole: units have 32 rows; kTiles: A tiles that have rows.
  template <bool kWhole, int kTiles>
  void run() const {
    for (int64_t block = 0; block < args.blocks; block += Kernel::kStepBlocks) {
      const int64_t left = args.blocks - block;
      run_step<kWhole, kTiles>(
          block, static_cast<int>(left < Kernel::kStepBlocks ? left : Kernel::kStepBlocks));
    }
    write();
  }

  // Blocks [block, block + count).
  template <bool kWhole, int kTiles>
  void run_step(int64_t block, int count) const {
    const int64_t x_bytes = sizeof(typename Kernel::Activation);
    const uint8_t* x = args.activations + block * args.block_stride + first_column * x_bytes;
    for (int64_t u = 0; u < units.count; ++u) {
      Kernel::gather(x + units.start(u) * x_bytes, args.block_stride, count, units.width,
                     scratch.x[u]);
    }
    Finish<Kernel> before = {};
    for (int64_t p = 0; p < panels; ++p) {
      const Panel* from = panel(p) + block;
      auto& header = scratch.headers[p % 2];
      Kernel::expand(from, count, scratch.weights, header);
      for (int64_t u = 0; u < units.count; ++u) {
        auto& sums = scratch.sums[(p * units.count + u) % 2];
        if (p == 0 && u == 0) {
          Kernel::template multiply<kTiles>(scratch.weights, scratch.x[u], count, sums,
                                            []<int kPart>() {});
        } else {
          Kernel::template multiply<kTiles>(
              scratch.weights, scratch.x[u], count, sums,
              [&]<int kPart>() { finish_part<Kernel, kWhole, kPart>(before, units.width); });
        }
        before = {&header, &sums, &scratch.x[u], scratch.acc[p][u], block == 0};
        prefetch_share(block, p + kPanelsAhead, u);
      }
    }
    finish_all<Kernel, kWhole>(before, units.width);
  }

  const Panel* panel(int64_t p) const {
    return reinterpret_cast<const Panel*>(args.panels + (first_panel + p) * args.panel_bytes);
  }

  // Each unit fetches its share of what is expanded some panels later, of this step or the next:
  // runs that the hardware does not see coming. g++ 12 drops the call where it does not inline it:
  // a prefetch does not count as an effect.
  IX_INLINE void prefetch_share(int64_t block, int64_t p, int64_t u) const {
    if (p >= panels) {
      p -= panels;
      block += Kernel::kStepBlocks;
    }
    if (p >= panels || block >= args.blocks) return;
    const char* bytes = reinterpret_cast<const char*>(panel(p) + block);
    constexpr int64_t kBytes = Kernel::kStepBlocks * int64_t{sizeof(Panel)};
    for (int64_t i = 64 * u; i < kBytes; i += 64 * units.count) {
      __builtin_prefetch(bytes + i, 0, 2);
    }
  }

  // The float sums to where they are wanted: all panels of a row side by side.
  void write() const {
    for (int64_t u = 0; u < units.count; ++u) {
      float* out = args.out + (first_column + units.start(u)) * args.out_stride;
      for (int r = 0; r < units.width; ++r, out += args.out_stride) {
        for (int64_t p = 0; p < panels; ++p) {
          const int64_t row = (first_panel + p) * kPanelRows;
          const int64_t left = args.rows - row;
          const auto mask = left < kPanelRows ? (1u << left) - 1 : 0xffffu;
          _mm512_mask_storeu_ps(out + row, static_cast<__mmask16>(mask),
                                _mm512_load_ps(scratch.acc[p][u][r]));
        }
      }
    }
  }
};

template <typename Kernel>
void run_panels(const Group<Kernel>& group) {
  const int width = group.units.width;
  const int first = width < kTileRows ? width : kTileRows;
  const TileConfig config(first, width - first, Kernel::kProductColumns);
  tile_load_config(config);
  if (width == kUnitRows) {
    group.template run<true, 2>();
  } else if (width > kTileRows) {
    group.template run<false, 2>();
  } else {
    group.template run<false, 1>();
  }
  _tile_release();
}

// Few: the tiles for fewer rows than pay for the expansion. The same float operations on the same
// integers, so the same bits.
template <typename Kernel, typename Few>
void run_units(const MatmulArgs& args) {
  if (args.n < Kernel::kLeastRows) return run_tiles<Few>(args);
  auto& scratch = *reinterpret_cast<Scratch<Kernel>*>(args.scratch);
  const int64_t passes = (args.n + kGroupColumns - 1) / kGroupColumns;
  for (int64_t pass = 0; pass < passes; ++pass) {
    const int64_t column = tile_start(args.n, passes, pass);
    const Units units(tile_start(args.n, passes, pass + 1) - column);
    for (int64_t p = args.first_panel; p < args.last_panel; p += kGroupPanels) {
      const int64_t left = args.last_panel - p;
      run_panels(Group<Kernel>{args, scratch, p, left < kGroupPanels ? left : kGroupPanels, column,
                               units});
    }
  }
}

}  // namespace
}  // namespace ix::backend::cpu
