// How packed weights and quantised activations lie in memory.
//
// Plain C-like header: instruction set files include it, so it instantiates nothing.
//
// A panel holds kPanelRows rows of a matrix over all columns. Its quants are cut into groups of 4
// columns: the bytes of a group are [row 0..15][4 columns], one 512-bit register (or two halves of
// 8 rows for 256 bits), which is what vpdpbusd multiplies with 4 activations broadcast as a dword.
// Quants are stored unsigned; `offset` of the type is what has to be taken off. Weights of 16 bits
// are not grouped: those of a column lie side by side.
//
// Q = quants of a sub-block of 32 columns = groups 0..7:
//   2 bits: 2 vectors of 64 bytes; bits 2i, 2i+1 of vector v are group 4v + i.
//   3 bits: the same and, in `high`, one vector of 64 bytes; bit g is the third bit of group g.
//   4 bits: 4 vectors of 64 bytes; low nibbles of vector v are group 2v, high nibbles 2v + 1.
//   5 bits: those 4 and, in `high`, one vector of 64 bytes; bit g is the fifth bit of group g.
//   6 bits: those 4 and two vectors; bits 2i, 2i+1 of vector v are bits 4 and 5 of group 4v + i.
//   8 bits: 8 vectors.
//
// panel = [block 0][block 1]…[zeros up to 64 bytes]. Blocks are multiples of 32 bytes, so half of
// some types' 512-bit loads cross a cache line. A plane of scales apart from the blocks would avoid
// that, but was slower from memory: Q4_0, one column, 15 GB/s against 27 on one core of Zen 4.
#pragma once

#include <stdint.h>

namespace ix::backend::cpu {

constexpr int kPanelRows = 16;

// The weight types that have a panel form.
enum class PackedType { q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, f16, bf16 };
constexpr int kPackedTypes = 12;

// The forms of activations. Rows that are multiplied together lie block by block: block 0 of every
// row, block 1 of every row, … A tile of columns then reads one run of memory a block, at distances
// from one pointer that the compiler knows.
enum class ActivationKind {
  q8_32,   // blocks of 32, for the *_0 and *_1 types
  q8_256,  // blocks of 256, for the K types
  f32,     // blocks of 32 floats as they are, for weights of 16 bits
};
constexpr int kActivationKinds = 3;

// value i = q[i] * scale. q is in [-127, 127], scale = max|x| / 127 (0 when that is below 2^-100,
// NaN when an x is not finite).
struct Q8Block32 {
  int8_t q[32];
  float scale;
  int32_t minus_sum;  // -(q[0] + … + q[31])
  float scaled_sum;   // scale * (q[0] + … + q[31])
};
static_assert(sizeof(Q8Block32) == 44);

struct Q8Block256 {
  int8_t q[256];
  int32_t start16[16];  // -32 * (sum of 16 consecutive q), + 1 for odd ones: see minus_sum16()
  int16_t sum32[8];     // sums of 32 consecutive q
  float scale;
};
static_assert(sizeof(Q8Block256) == 340);

// Sums of Q6_K, which has an offset of 32, start at start16 as it is, with half of what their last
// bit is worth in every second one; the other types take -(sum) out of it.
constexpr int32_t minus_sum16(const Q8Block256& block, int i) { return block.start16[i] >> 5; }

struct F32Block32 {
  float x[32];
};

struct ActivationTraits {
  ActivationKind kind;
  int32_t block_cols;
  int32_t block_bytes;
};
constexpr ActivationTraits kActivationTraits[kActivationKinds] = {
    {ActivationKind::q8_32, 32, sizeof(Q8Block32)},
    {ActivationKind::q8_256, 256, sizeof(Q8Block256)},
    {ActivationKind::f32, 32, sizeof(F32Block32)},
};

// Blocks of 16 rows × 32 or 256 columns. d and m are IEEE halves.
struct PanelQ4_0 {  // offset 8
  uint16_t d[16];
  uint8_t low[4][64];
};
struct PanelQ4_1 {
  uint16_t d[16];
  uint16_t m[16];
  uint8_t low[4][64];
};
struct PanelQ5_0 {  // offset 16
  uint16_t d[16];
  uint8_t high[64];
  uint8_t low[4][64];
};
struct PanelQ5_1 {
  uint16_t d[16];
  uint16_t m[16];
  uint8_t high[64];
  uint8_t low[4][64];
};
struct PanelQ8_0 {  // offset 128
  uint16_t d[16];
  uint8_t q[8][64];
};
struct PanelQ2_K {
  uint16_t d[16];
  uint16_t dmin[16];
  uint8_t scales[16][16];  // [sub-block of 16][row]: low nibble the scale, high nibble the min
  uint8_t low[8][2][64];
};
struct PanelQ3_K {  // offset 4
  uint16_t d[16];
  int8_t scales[16][16];  // [sub-block of 16][row]
  struct {
    uint8_t high[64];
    uint8_t low[2][64];
  } sub[8];
};
struct PanelQ4_K {
  uint16_t d[16];
  uint16_t dmin[16];
  uint8_t scales[8][16];   // [sub-block of 32][row]
  uint8_t mins[4][16][2];  // [pair of sub-blocks][row][sub-block of the pair], for vpdpwssd
  uint8_t low[8][4][64];
};
struct PanelQ5_K {
  uint16_t d[16];
  uint16_t dmin[16];
  uint8_t scales[8][16];
  uint8_t mins[4][16][2];
  struct {
    uint8_t high[64];
    uint8_t low[4][64];
  } sub[8];
};
struct PanelQ6_K {  // offset 32
  uint16_t d[16];
  int8_t scales[16][16];  // [sub-block of 16][row]
  struct {
    uint8_t high[2][64];
    uint8_t low[4][64];
  } sub[8];
};

struct PanelF16 {
  uint16_t w[32][16];  // [column][row]
};
struct PanelBF16 {
  uint16_t w[32][16];
};

// What packing a type costs; indexed by PackedType.
struct PanelTraits {
  PackedType type;
  ActivationKind activation;
  int32_t block_cols;    // columns of a block
  int32_t block_bytes;   // bytes of a block of a panel
  int32_t source_bytes;  // bytes of a row's block in the file
};
constexpr PanelTraits kPanelTraits[kPackedTypes] = {
    {PackedType::q4_0, ActivationKind::q8_32, 32, sizeof(PanelQ4_0), 18},
    {PackedType::q4_1, ActivationKind::q8_32, 32, sizeof(PanelQ4_1), 20},
    {PackedType::q5_0, ActivationKind::q8_32, 32, sizeof(PanelQ5_0), 22},
    {PackedType::q5_1, ActivationKind::q8_32, 32, sizeof(PanelQ5_1), 24},
    {PackedType::q8_0, ActivationKind::q8_32, 32, sizeof(PanelQ8_0), 34},
    {PackedType::q2_k, ActivationKind::q8_256, 256, sizeof(PanelQ2_K), 84},
    {PackedType::q3_k, ActivationKind::q8_256, 256, sizeof(PanelQ3_K), 110},
    {PackedType::q4_k, ActivationKind::q8_256, 256, sizeof(PanelQ4_K), 144},
    {PackedType::q5_k, ActivationKind::q8_256, 256, sizeof(PanelQ5_K), 176},
    {PackedType::q6_k, ActivationKind::q8_256, 256, sizeof(PanelQ6_K), 210},
    {PackedType::f16, ActivationKind::f32, 32, sizeof(PanelF16), 64},
    {PackedType::bf16, ActivationKind::f32, 32, sizeof(PanelBF16), 64},
};

static_assert(static_cast<int>(kActivationTraits[0].kind) == 0);
static_assert(static_cast<int>(kActivationTraits[1].kind) == 1);
static_assert(static_cast<int>(kActivationTraits[2].kind) == 2);

// Every block has the columns of its activations' blocks, is a multiple of 32 bytes and costs at
// most 1.04 × the source bytes.
#define IX_CHECK_PANEL(i)                                                                    \
  static_assert(static_cast<int>(kPanelTraits[i].type) == (i));                              \
  static_assert(kPanelTraits[i].block_cols ==                                                \
                kActivationTraits[static_cast<int>(kPanelTraits[i].activation)].block_cols); \
  static_assert(kPanelTraits[i].block_bytes % 32 == 0);                                      \
  static_assert(kPanelTraits[i].block_bytes * 100 <=                                         \
                kPanelTraits[i].source_bytes * kPanelRows * 104)
IX_CHECK_PANEL(0);
IX_CHECK_PANEL(1);
IX_CHECK_PANEL(2);
IX_CHECK_PANEL(3);
IX_CHECK_PANEL(4);
IX_CHECK_PANEL(5);
IX_CHECK_PANEL(6);
IX_CHECK_PANEL(7);
IX_CHECK_PANEL(8);
IX_CHECK_PANEL(9);
IX_CHECK_PANEL(10);
IX_CHECK_PANEL(11);
#undef IX_CHECK_PANEL

}  // namespace ix::backend::cpu
