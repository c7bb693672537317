// Matrix kernels for AVX-512 with VNNI.
//
// A register holds 16 rows × 4 columns of weights, unsigned; vpdpbusd multiplies it with 4 signed
// activations that are broadcast from memory. A tile is one panel × C activation rows. Per
// sub-block there are C integer sums; one conversion and one FMA a sum bring them into C float
// sums.
#include <immintrin.h>
#include <stddef.h>

#include "backend/cpu/kernels/matrix_tiles.h"
#include "backend/cpu/kernels/quantize_kernels.h"

// Arrays of registers stay registers only where everything that takes them is inlined.
#define IX_INLINE inline __attribute__((always_inline))

namespace ix::backend::cpu {
namespace {

// Activation rows of a tile: C sums, C totals or results and the weights are 2 × 12 + 8 registers.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kTileColumns =
    4;  // the same code; 12 columns with a check at every load compile slowly
#else
constexpr int kTileColumns = 12;
#endif

// How far ahead of the loads the stream of weights is fetched: at 25 GB/s and 3.7 GHz, 4 KiB are
// 600 cycles, about the latency of memory. The hardware's prefetchers stop at borders of 4 KiB.
constexpr int64_t kPrefetchBytes = 4096;

template <int kBytes>
IX_INLINE void prefetch(const void* block) {
  const char* ahead = static_cast<const char*>(block) + kPrefetchBytes;
#pragma GCC unroll 64
  for (int i = 0; i < kBytes; i += 64) _mm_prefetch(ahead + i, _MM_HINT_T0);
}

IX_INLINE __m512i load(const void* p) { return _mm512_loadu_si512(p); }

IX_INLINE __m512 load_halves(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

IX_INLINE __m512i broadcast(const void* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return _mm512_set1_epi32(value);
}

// sum + unsigned weights × 4 activations at x; sum + 16-bit weights × 2 values at x. g++ 12 loads
// the activations into a register of their own first, which costs a tenth of the speed of wide
// tiles.
#if defined(__SANITIZE_ADDRESS__)
IX_INLINE __m512i dot_bytes(__m512i sum, __m512i w, const uint8_t* x) {
  return _mm512_dpbusd_epi32(sum, w, broadcast(x));
}
IX_INLINE __m512i dot_words(__m512i sum, __m512i w, const uint8_t* x) {
  return _mm512_dpwssd_epi32(sum, w, broadcast(x));
}
#else
struct Dword {
  int32_t value;
} __attribute__((may_alias));

IX_INLINE __m512i dot_bytes(__m512i sum, __m512i w, const uint8_t* x) {
  asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*reinterpret_cast<const Dword*>(x)));
  return sum;
}
IX_INLINE __m512i dot_words(__m512i sum, __m512i w, const uint8_t* x) {
  asm("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*reinterpret_cast<const Dword*>(x)));
  return sum;
}
#endif

// --- quants of a sub-block of 32 columns: group g of 4 columns

// Low nibbles of vector v are group 2v, high ones 2v + 1; extra are its upper bits, in place.
template <int kGroup>
IX_INLINE __m512i nibbles(const uint8_t (*low)[64]) {
  const __m512i both = load(low[kGroup / 2]);
  const __m512i mask = _mm512_set1_epi8(15);
  return _mm512_and_si512(kGroup % 2 == 0 ? both : _mm512_srli_epi16(both, 4), mask);
}

template <int kShift>  // left where positive
IX_INLINE __m512i shift(__m512i x) {
  if constexpr (kShift > 0) return _mm512_slli_epi16(x, kShift);
  if constexpr (kShift < 0) return _mm512_srli_epi16(x, -kShift);
  return x;
}

constexpr int kOrAnd = 0xf8;  // vpternlog: a | (b & c)

struct Low {
  const uint8_t (*low)[64];
  explicit Low(const uint8_t (*p)[64]) : low(p) {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return nibbles<kGroup>(low);
  }
};

struct LowAndBit {
  const uint8_t (*low)[64];
  __m512i high;
  LowAndBit(const uint8_t (*p)[64], const uint8_t* bits) : low(p), high(load(bits)) {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return _mm512_ternarylogic_epi32(nibbles<kGroup>(low), shift<4 - kGroup>(high),
                                     _mm512_set1_epi8(0x10), kOrAnd);
  }
};

struct LowAndTwoBits {
  const uint8_t (*low)[64];
  __m512i high[2];
  LowAndTwoBits(const uint8_t (*p)[64], const uint8_t (*bits)[64])
      : low(p), high{load(bits[0]), load(bits[1])} {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return _mm512_ternarylogic_epi32(nibbles<kGroup>(low),
                                     shift<4 - 2 * (kGroup % 4)>(high[kGroup / 4]),
                                     _mm512_set1_epi8(0x30), kOrAnd);
  }
};

struct Bytes {
  const uint8_t (*q)[64];
  explicit Bytes(const uint8_t (*p)[64]) : q(p) {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return load(q[kGroup]);
  }
};

// sums[c] += groups [kFirst, kLast) × x[c * kStride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, __m512i* sums) {
  const __m512i w = quants.template group<kFirst>();
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) sums[c] = dot_bytes(sums[c], w, x + c * kStride + 4 * kFirst);
  if constexpr (kFirst + 1 < kLast) dot<kFirst + 1, kLast, C, kStride>(quants, x, sums);
}

// Step `step` of `steps` of a block's share of the activations that come next.
IX_INLINE void prefetch_next(const uint8_t* next, int64_t lines, int step, int steps) {
  for (int64_t i = step; i < lines; i += steps) _mm_prefetch(next + 64 * i, _MM_HINT_T0);
}

template <int C>
IX_INLINE void store(const __m512* acc, const Tile& tile) {
  const auto mask = static_cast<__mmask16>((1u << tile.rows) - 1);
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) _mm512_mask_storeu_ps(tile.out + c * tile.out_stride, mask, acc[c]);
}

// --- types with blocks of 32

struct Q4_0 {
  using Panel = PanelQ4_0;
  static constexpr int kOffsetBits = 3;  // offset 8
  static constexpr bool kMin = false;
  static Low quants(const Panel& p) { return Low(p.low); }
};
struct Q4_1 {
  using Panel = PanelQ4_1;
  static constexpr int kOffsetBits = 0;
  static constexpr bool kMin = true;
  static Low quants(const Panel& p) { return Low(p.low); }
};
struct Q5_0 {
  using Panel = PanelQ5_0;
  static constexpr int kOffsetBits = 4;
  static constexpr bool kMin = false;
  static LowAndBit quants(const Panel& p) { return {p.low, p.high}; }
};
struct Q5_1 {
  using Panel = PanelQ5_1;
  static constexpr int kOffsetBits = 0;
  static constexpr bool kMin = true;
  static LowAndBit quants(const Panel& p) { return {p.low, p.high}; }
};
struct Q8_0 {
  using Panel = PanelQ8_0;
  static constexpr int kOffsetBits = 7;
  static constexpr bool kMin = false;
  static Bytes quants(const Panel& p) { return Bytes(p.q); }
};

template <typename Type>
struct Blocks32 {
  using Activation = Q8Block32;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  template <int C>
  static void tile(const Tile& tile) {
    using Panel = typename Type::Panel;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      prefetch<sizeof(Panel)>(block);
      prefetch_next(next, tile.next_lines, 0, 1);
      __m512i sums[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        sums[c] =
            Type::kOffsetBits == 0
                ? _mm512_setzero_si512()
                : _mm512_slli_epi32(broadcast(x + c * kStride + offsetof(Q8Block32, minus_sum)),
                                    Type::kOffsetBits);
      }
      dot<0, 8, C, kStride>(Type::quants(*block), x, sums);
      const __m512 d = load_halves(block->d);
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[c]), d);
        const auto* scale = reinterpret_cast<const float*>(x + c * kStride) + 8;
        acc[c] = _mm512_fmadd_ps(product, _mm512_set1_ps(*scale), acc[c]);
      }
      if constexpr (Type::kMin) {
        const __m512 m = load_halves(block->m);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          const auto* scaled_sum = reinterpret_cast<const float*>(x + c * kStride) + 10;
          acc[c] = _mm512_fmadd_ps(m, _mm512_set1_ps(*scaled_sum), acc[c]);
        }
      }
      x += tile.block_stride;
      next += tile.block_stride;
    }
    store<C>(acc, tile);
  }
};
static_assert(offsetof(Q8Block32, scale) == 8 * sizeof(float));
static_assert(offsetof(Q8Block32, scaled_sum) == 10 * sizeof(float));

// --- types with blocks of 256

const float* block_scale(const uint8_t* x) {
  return reinterpret_cast<const float*>(x + offsetof(Q8Block256, scale));
}

struct Q4_K {
  using Panel = PanelQ4_K;
  static constexpr int kSubBytes = 256;
  static Low quants(const Panel& p, int j) { return Low(p.low[j]); }
};
struct Q5_K {
  using Panel = PanelQ5_K;
  static constexpr int kSubBytes = 320;
  static LowAndBit quants(const Panel& p, int j) { return {p.sub[j].low, p.sub[j].high}; }
};

template <typename Type>
struct BlocksK {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] = -dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void begin(const typename Type::Panel& block, const uint8_t* x, __m512* total) {
    __m512i below[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) below[c] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const __m512i mins =
          _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.mins[p])));
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        below[c] = dot_words(below[c], mins, x + c * kStride + offsetof(Q8Block256, sum32) + 4 * p);
      }
    }
    const __m512 minus_dmin = _mm512_sub_ps(_mm512_setzero_ps(), load_halves(block.dmin));
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      total[c] = _mm512_mul_ps(_mm512_cvtepi32_ps(below[c]), minus_dmin);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    using Panel = typename Type::Panel;
    constexpr int kHeadBytes = sizeof(Panel) - 8 * Type::kSubBytes;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      __m512 total[C];
      begin<C>(*block, x, total);
      const __m512 d = load_halves(block->d);
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes>(bytes + kHeadBytes + j * Type::kSubBytes);
        prefetch_next(next, tile.next_lines, j, 8);
        __m512i sums[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) sums[c] = _mm512_setzero_si512();
        dot<0, 8, C, kStride>(Type::quants(*block, j), x + 32 * j, sums);
        const __m512i integers = _mm512_cvtepu8_epi32(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales[j])));
        const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(integers), d);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          total[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[c]), scale, total[c]);
        }
      }
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        acc[c] = _mm512_fmadd_ps(total[c], _mm512_set1_ps(*block_scale(x + c * kStride)), acc[c]);
      }
      x += tile.block_stride;
      next += tile.block_stride;
    }
    store<C>(acc, tile);
  }
};

struct BlocksQ6K {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C>
  IX_INLINE static void half(const LowAndTwoBits& quants, const PanelQ6_K& block, int s,
                             const uint8_t* x, __m512 d, __m512* total) {
    __m512i sums[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {  // offset 32
      sums[c] = _mm512_slli_epi32(
          broadcast(x + c * kStride + offsetof(Q8Block256, minus_sum16) + 4 * s), 5);
    }
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    const __m512i integers =
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales[s])));
    const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(integers), d);
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      total[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[c]), scale, total[c]);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kHeadBytes = sizeof(PanelQ6_K::d) + sizeof(PanelQ6_K::scales);
    constexpr int kSubBytes = (sizeof(PanelQ6_K) - kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const PanelQ6_K*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      const __m512 d = load_halves(block->d);
      __m512 total[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) total[c] = _mm512_setzero_ps();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes>(bytes + kHeadBytes + j * kSubBytes);
        prefetch_next(next, tile.next_lines, j, 8);
        const LowAndTwoBits quants(block->sub[j].low, block->sub[j].high);
        half<0, C>(quants, *block, 2 * j, x, d, total);
        half<4, C>(quants, *block, 2 * j + 1, x, d, total);
      }
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        acc[c] = _mm512_fmadd_ps(total[c], _mm512_set1_ps(*block_scale(x + c * kStride)), acc[c]);
      }
      x += tile.block_stride;
      next += tile.block_stride;
    }
    store<C>(acc, tile);
  }
};

}  // namespace

const MatrixKernels kMatrixKernelsAvx512Vnni = {
    {quantize_q8_32_avx512vnni, quantize_q8_256_avx512vnni},
    {run_tiles<Blocks32<Q4_0>>, run_tiles<Blocks32<Q4_1>>, run_tiles<Blocks32<Q5_0>>,
     run_tiles<Blocks32<Q5_1>>, run_tiles<Blocks32<Q8_0>>, run_tiles<BlocksK<Q4_K>>,
     run_tiles<BlocksK<Q5_K>>, run_tiles<BlocksQ6K>},
};

}  // namespace ix::backend::cpu
