// Matrix kernels for AVX2.
//
// The 16 rows of a panel are two registers of 8 rows × 4 columns. vpmaddubsw multiplies unsigned
// weights with signed activations and adds pairs into 16 bits, with saturation; the sums below stay
// under 32768 (activations are at most 127):
//   4 bits: a pair is at most 2 · 15 · 127 = 3810, so all 8 groups of a sub-block fit (30480);
//   5 bits: 2 · 31 · 127 = 7874, 4 groups fit (31496);
//   6 bits: 2 · 63 · 127 = 16002, 2 groups fit (32004);
//   8 bits: |w| ≤ 128 with the sign moved to the activation: 2 · 128 · 127 = 32512, 1 group fits.
#include <immintrin.h>
#include <stddef.h>

#include "backend/cpu/kernels/matrix_tiles.h"
#include "backend/cpu/kernels/quantize_kernels.h"

// Arrays of registers stay registers only where everything that takes them is inlined.
#define IX_INLINE inline __attribute__((always_inline))

namespace ix::backend::cpu {
namespace {

// See matrix_avx512vnni.cc.
constexpr int64_t kPrefetchBytes = 4096;

template <int kBytes>
IX_INLINE void prefetch(const void* block) {
  const char* ahead = static_cast<const char*>(block) + kPrefetchBytes;
#pragma GCC unroll 64
  for (int i = 0; i < kBytes; i += 64) _mm_prefetch(ahead + i, _MM_HINT_T0);
}

IX_INLINE __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

IX_INLINE __m256 load_halves(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

IX_INLINE __m256i broadcast(const void* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return _mm256_set1_epi32(value);
}

// Between the two halves of the rows: the compiler would else keep what it broadcast for the first
// for the second, in more registers than there are.
IX_INLINE void forget_broadcasts() { asm volatile("" ::: "memory"); }

template <int kShift>  // left where positive
IX_INLINE __m256i shift(__m256i x) {
  if constexpr (kShift > 0) return _mm256_slli_epi16(x, kShift);
  if constexpr (kShift < 0) return _mm256_srli_epi16(x, -kShift);
  return x;
}

// --- quants of 8 rows × a sub-block of 32 columns
// --------------------------------------------------- Constructors take the panel's arrays; `half`
// is 0 for rows 0..7, 32 for rows 8..15. kGroups: groups whose products may be added in 16 bits.

template <int kGroup>
IX_INLINE __m256i nibbles(const uint8_t (*low)[64], int half) {
  const __m256i both = load(low[kGroup / 2] + half);
  return _mm256_and_si256(kGroup % 2 == 0 ? both : _mm256_srli_epi16(both, 4),
                          _mm256_set1_epi8(15));
}

struct Low {
  static constexpr int kGroups = 8;
  const uint8_t (*low)[64];
  int half;
  IX_INLINE Low(const uint8_t (*p)[64], int h) : low(p), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return nibbles<kGroup>(low, half);
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

struct LowAndBit {
  static constexpr int kGroups = 4;
  const uint8_t (*low)[64];
  int half;
  __m256i high;
  IX_INLINE LowAndBit(const uint8_t (*p)[64], const uint8_t* bits, int h)
      : low(p), half(h), high(load(bits + h)) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(nibbles<kGroup>(low, half),
                           _mm256_and_si256(shift<4 - kGroup>(high), _mm256_set1_epi8(0x10)));
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

struct LowAndTwoBits {
  static constexpr int kGroups = 2;
  const uint8_t (*low)[64];
  int half;
  __m256i high[2];
  IX_INLINE LowAndTwoBits(const uint8_t (*p)[64], const uint8_t (*bits)[64], int h)
      : low(p), half(h), high{load(bits[0] + h), load(bits[1] + h)} {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(
        nibbles<kGroup>(low, half),
        _mm256_and_si256(shift<4 - 2 * (kGroup % 4)>(high[kGroup / 4]), _mm256_set1_epi8(0x30)));
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

// Signed: no offset remains.
struct Bytes {
  static constexpr int kGroups = 1;
  const uint8_t (*q)[64];
  int half;
  IX_INLINE Bytes(const uint8_t (*p)[64], int h) : q(p), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_xor_si256(load(q[kGroup] + half), _mm256_set1_epi8(-128));
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  }
};

// Adds the 16-bit sums of kGroups groups from kGroup on.
template <int kGroup, int kCount, int C, int kStride, typename Quants>
IX_INLINE void add_products(const Quants& quants, const uint8_t* x, __m256i* sums16) {
  const __m256i w = quants.template group<kGroup>();
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    const __m256i product = Quants::products(w, broadcast(x + c * kStride + 4 * kGroup));
    sums16[c] = _mm256_add_epi16(sums16[c], product);
  }
  if constexpr (kCount > 1) add_products<kGroup + 1, kCount - 1, C, kStride>(quants, x, sums16);
}

// sums[c] += groups [kFirst, kLast) × x[c * kStride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, __m256i* sums) {
  __m256i sums16[C];
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) sums16[c] = _mm256_setzero_si256();
  add_products<kFirst, Quants::kGroups, C, kStride>(quants, x, sums16);
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(sums16[c], _mm256_set1_epi16(1)));
  }
  if constexpr (kFirst + Quants::kGroups < kLast) {
    dot<kFirst + Quants::kGroups, kLast, C, kStride>(quants, x, sums);
  }
}

// C results of 16 rows, in two halves.
template <int C>
struct Rows {
  __m256 half[2][C];

  IX_INLINE Rows() {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) half[0][c] = half[1][c] = _mm256_setzero_ps();
  }

  // += the activations' scales × total
  IX_INLINE void add(const Rows& total, const uint8_t* x) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const auto* scale =
          reinterpret_cast<const float*>(x + c * sizeof(Q8Block256) + offsetof(Q8Block256, scale));
      const __m256 factor = _mm256_broadcast_ss(scale);
      half[0][c] = _mm256_fmadd_ps(total.half[0][c], factor, half[0][c]);
      half[1][c] = _mm256_fmadd_ps(total.half[1][c], factor, half[1][c]);
    }
  }

  // Rows [0, rows) to out.
  IX_INLINE void store(const Tile& tile) const {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i count = _mm256_set1_epi32(static_cast<int>(tile.rows));
    const __m256i low = _mm256_cmpgt_epi32(count, index);
    const __m256i high = _mm256_cmpgt_epi32(count, _mm256_add_epi32(index, _mm256_set1_epi32(8)));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      _mm256_maskstore_ps(tile.out + c * tile.out_stride, low, half[0][c]);
      _mm256_maskstore_ps(tile.out + c * tile.out_stride + 8, high, half[1][c]);
    }
  }
};

// --- types with blocks of 32

struct Q4_0 {
  using Panel = PanelQ4_0;
  static constexpr int kOffsetBits = 3;  // offset 8
  static constexpr bool kMin = false;
  IX_INLINE static Low quants(const Panel& p, int half) { return {p.low, half}; }
};
struct Q4_1 {
  using Panel = PanelQ4_1;
  static constexpr int kOffsetBits = 0;
  static constexpr bool kMin = true;
  IX_INLINE static Low quants(const Panel& p, int half) { return {p.low, half}; }
};
struct Q5_0 {
  using Panel = PanelQ5_0;
  static constexpr int kOffsetBits = 4;
  static constexpr bool kMin = false;
  IX_INLINE static LowAndBit quants(const Panel& p, int half) { return {p.low, p.high, half}; }
};
struct Q5_1 {
  using Panel = PanelQ5_1;
  static constexpr int kOffsetBits = 0;
  static constexpr bool kMin = true;
  IX_INLINE static LowAndBit quants(const Panel& p, int half) { return {p.low, p.high, half}; }
};
struct Q8_0 {
  using Panel = PanelQ8_0;
  static constexpr int kOffsetBits = 0;
  static constexpr bool kMin = false;
  IX_INLINE static Bytes quants(const Panel& p, int half) { return {p.q, half}; }
};

template <typename Type>
struct Blocks32 {
  using Activation = Q8Block32;
  static constexpr int kStride = sizeof(Activation);
  // 4 sums of 16 bits, 4 of 32, 4 results, the weights, a broadcast and constants: 16 registers.
  static constexpr int kMaxColumns = 4;

  template <int C>
  IX_INLINE static void block_half(const typename Type::Panel& block, int half, const uint8_t* x,
                                   __m256* acc) {
    __m256i sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      sums[c] = Type::kOffsetBits == 0
                    ? _mm256_setzero_si256()
                    : _mm256_slli_epi32(broadcast(x + c * kStride + offsetof(Q8Block32, minus_sum)),
                                        Type::kOffsetBits);
    }
    dot<0, 8, C, kStride>(Type::quants(block, 32 * half), x, sums);
    const __m256 d = load_halves(block.d + 8 * half);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[c]), d);
      const auto* scale = reinterpret_cast<const float*>(x + c * kStride) + 8;
      acc[c] = _mm256_fmadd_ps(product, _mm256_broadcast_ss(scale), acc[c]);
    }
    if constexpr (Type::kMin) {
      const __m256 m = load_halves(block.m + 8 * half);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const auto* scaled_sum = reinterpret_cast<const float*>(x + c * kStride) + 10;
        acc[c] = _mm256_fmadd_ps(m, _mm256_broadcast_ss(scaled_sum), acc[c]);
      }
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    const auto* block = reinterpret_cast<const typename Type::Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      prefetch<sizeof(*block)>(block);
      block_half<C>(*block, 0, x, acc.half[0]);
      forget_broadcasts();
      block_half<C>(*block, 1, x, acc.half[1]);
    }
    acc.store(tile);
  }
};
static_assert(offsetof(Q8Block32, scale) == 8 * sizeof(float));
static_assert(offsetof(Q8Block32, scaled_sum) == 10 * sizeof(float));

// --- types with blocks of 256

struct Q4_K {
  using Panel = PanelQ4_K;
  static constexpr int kSubBytes = 256;
  IX_INLINE static Low quants(const Panel& p, int j, int half) { return {p.low[j], half}; }
};
struct Q5_K {
  using Panel = PanelQ5_K;
  static constexpr int kSubBytes = 320;
  IX_INLINE static LowAndBit quants(const Panel& p, int j, int half) {
    return {p.sub[j].low, p.sub[j].high, half};
  }
};

template <typename Type>
struct BlocksK {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = 4;

  // total[c] = -dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void begin(const typename Type::Panel& block, int half, const uint8_t* x,
                              __m256* total) {
    __m256i below[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) below[c] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const __m256i mins = _mm256_cvtepu8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.mins[p][8 * half])));
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const __m256i sums = broadcast(x + c * kStride + offsetof(Q8Block256, sum32) + 4 * p);
        below[c] = _mm256_add_epi32(below[c], _mm256_madd_epi16(mins, sums));
      }
    }
    const __m256 minus_dmin =
        _mm256_sub_ps(_mm256_setzero_ps(), load_halves(block.dmin + 8 * half));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = _mm256_mul_ps(_mm256_cvtepi32_ps(below[c]), minus_dmin);
    }
  }

  // total[c] += scale × sub-block j
  template <int C>
  IX_INLINE static void sub_block(const typename Type::Panel& block, int j, int half,
                                  const uint8_t* x, __m256 d, __m256* total) {
    __m256i sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sums[c] = _mm256_setzero_si256();
    dot<0, 8, C, kStride>(Type::quants(block, j, 32 * half), x + 32 * j, sums);
    const __m256i integers = _mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block.scales[j] + 8 * half)));
    const __m256 scale = _mm256_mul_ps(_mm256_cvtepi32_ps(integers), d);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[c]), scale, total[c]);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    using Panel = typename Type::Panel;
    constexpr int kHeadBytes = sizeof(Panel) - 8 * Type::kSubBytes;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      Rows<C> total;
      begin<C>(*block, 0, x, total.half[0]);
      forget_broadcasts();
      begin<C>(*block, 1, x, total.half[1]);
      const __m256 d[2] = {load_halves(block->d), load_halves(block->d + 8)};
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes>(bytes + kHeadBytes + j * Type::kSubBytes);
        sub_block<C>(*block, j, 0, x, d[0], total.half[0]);
        forget_broadcasts();
        sub_block<C>(*block, j, 1, x, d[1], total.half[1]);
      }
      acc.add(total, x);
    }
    acc.store(tile);
  }
};

struct BlocksQ6K {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = 4;

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C>
  IX_INLINE static void sub_block(const LowAndTwoBits& quants, const int8_t* scales, int s,
                                  const uint8_t* x, __m256 d, __m256* total) {
    __m256i sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {  // offset 32
      sums[c] = _mm256_slli_epi32(
          broadcast(x + c * kStride + offsetof(Q8Block256, minus_sum16) + 4 * s), 5);
    }
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    const __m256i integers =
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales)));
    const __m256 scale = _mm256_mul_ps(_mm256_cvtepi32_ps(integers), d);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[c]), scale, total[c]);
    }
  }

  // total[c] += scales × sub-blocks 2j and 2j + 1
  template <int C>
  IX_INLINE static void sub_blocks(const PanelQ6_K& block, int j, int half, const uint8_t* x,
                                   __m256 d, __m256* total) {
    const LowAndTwoBits quants(block.sub[j].low, block.sub[j].high, 32 * half);
    const int8_t* scales = block.scales[2 * j] + 8 * half;
    sub_block<0, C>(quants, scales, 2 * j, x, d, total);
    sub_block<4, C>(quants, scales + kPanelRows, 2 * j + 1, x, d, total);
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kHeadBytes = sizeof(PanelQ6_K::d) + sizeof(PanelQ6_K::scales);
    constexpr int kSubBytes = (sizeof(PanelQ6_K) - kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const PanelQ6_K*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      Rows<C> total;
      const __m256 d[2] = {load_halves(block->d), load_halves(block->d + 8)};
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes>(bytes + kHeadBytes + j * kSubBytes);
        sub_blocks<C>(*block, j, 0, x, d[0], total.half[0]);
        forget_broadcasts();
        sub_blocks<C>(*block, j, 1, x, d[1], total.half[1]);
      }
      acc.add(total, x);
    }
    acc.store(tile);
  }
};

}  // namespace

const MatrixKernels kMatrixKernelsAvx2 = {
    {quantize_q8_32_avx2, quantize_q8_256_avx2},
    {run_tiles<Blocks32<Q4_0>>, run_tiles<Blocks32<Q4_1>>, run_tiles<Blocks32<Q5_0>>,
     run_tiles<Blocks32<Q5_1>>, run_tiles<Blocks32<Q8_0>>, run_tiles<BlocksK<Q4_K>>,
     run_tiles<BlocksK<Q5_K>>, run_tiles<BlocksQ6K>},
};

}  // namespace ix::backend::cpu
