// Matrix kernels for AVX-512 with VNNI.
//
// A register holds 16 rows × 4 columns of weights, unsigned; vpdpbusd multiplies it with 4 signed
// activations that are broadcast from memory. A tile is one panel × C activation rows. Per
// sub-block there are C integer sums; one conversion and one FMA a sum bring them into C float
// sums.
#include <immintrin.h>
#include <stddef.h>

#include "backend/cpu/kernels/matrix_tiles.h"

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

// --- quants of a sub-block of 32 columns: group g of 4 columns
// ------------------------------------

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

// sums[c] += groups [kFirst, kLast) × x[c * stride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, int64_t stride, __m512i* sums) {
  const __m512i w = quants.template group<kFirst>();
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) {
    sums[c] = _mm512_dpbusd_epi32(sums[c], w, broadcast(x + c * stride + 4 * kFirst));
  }
  if constexpr (kFirst + 1 < kLast) dot<kFirst + 1, kLast, C>(quants, x, stride, sums);
}

template <int C>
IX_INLINE void store(const __m512* acc, int64_t rows, float* out, int64_t out_stride) {
  const auto mask = static_cast<__mmask16>((1u << rows) - 1);
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) _mm512_mask_storeu_ps(out + c * out_stride, mask, acc[c]);
}

// --- types with blocks of 32
// ----------------------------------------------------------------------

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
  static constexpr int kMaxColumns = kTileColumns;

  template <int C>
  static void tile(const uint8_t* panel, const MatmulArgs& args, const uint8_t* x, float* out,
                   int64_t rows) {
    using Panel = typename Type::Panel;
    const auto* block = reinterpret_cast<const Panel*>(panel);
    const int64_t stride = args.activation_stride;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < args.blocks; ++b, ++block, x += sizeof(Q8Block32)) {
      prefetch<sizeof(Panel)>(block);
      __m512i sums[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        sums[c] =
            Type::kOffsetBits == 0
                ? _mm512_setzero_si512()
                : _mm512_slli_epi32(broadcast(x + c * stride + offsetof(Q8Block32, minus_sum)),
                                    Type::kOffsetBits);
      }
      dot<0, 8, C>(Type::quants(*block), x, stride, sums);
      const __m512 d = load_halves(block->d);
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[c]), d);
        const auto* scale = reinterpret_cast<const float*>(x + c * stride) + 8;
        acc[c] = _mm512_fmadd_ps(product, _mm512_set1_ps(*scale), acc[c]);
      }
      if constexpr (Type::kMin) {
        const __m512 m = load_halves(block->m);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          const auto* scaled_sum = reinterpret_cast<const float*>(x + c * stride) + 10;
          acc[c] = _mm512_fmadd_ps(m, _mm512_set1_ps(*scaled_sum), acc[c]);
        }
      }
    }
    store<C>(acc, rows, out, args.out_stride);
  }
};
static_assert(offsetof(Q8Block32, scale) == 8 * sizeof(float));
static_assert(offsetof(Q8Block32, scaled_sum) == 10 * sizeof(float));

// --- types with blocks of 256
// ---------------------------------------------------------------------

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
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] = -dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void begin(const typename Type::Panel& block, const uint8_t* x, int64_t stride,
                              __m512* total) {
    __m512i below[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) below[c] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const __m512i mins =
          _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.mins[p])));
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        below[c] = _mm512_dpwssd_epi32(
            below[c], mins, broadcast(x + c * stride + offsetof(Q8Block256, sum32) + 4 * p));
      }
    }
    const __m512 minus_dmin = _mm512_sub_ps(_mm512_setzero_ps(), load_halves(block.dmin));
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      total[c] = _mm512_mul_ps(_mm512_cvtepi32_ps(below[c]), minus_dmin);
    }
  }

  template <int C>
  static void tile(const uint8_t* panel, const MatmulArgs& args, const uint8_t* x, float* out,
                   int64_t rows) {
    using Panel = typename Type::Panel;
    constexpr int kHeadBytes = sizeof(Panel) - 8 * Type::kSubBytes;
    const auto* block = reinterpret_cast<const Panel*>(panel);
    const int64_t stride = args.activation_stride;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < args.blocks; ++b, ++block, x += sizeof(Q8Block256)) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      __m512 total[C];
      begin<C>(*block, x, stride, total);
      const __m512 d = load_halves(block->d);
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes>(bytes + kHeadBytes + j * Type::kSubBytes);
        __m512i sums[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) sums[c] = _mm512_setzero_si512();
        dot<0, 8, C>(Type::quants(*block, j), x + 32 * j, stride, sums);
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
        acc[c] = _mm512_fmadd_ps(total[c], _mm512_set1_ps(*block_scale(x + c * stride)), acc[c]);
      }
    }
    store<C>(acc, rows, out, args.out_stride);
  }
};

struct BlocksQ6K {
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C>
  IX_INLINE static void half(const LowAndTwoBits& quants, const PanelQ6_K& block, int s,
                             const uint8_t* x, int64_t stride, __m512 d, __m512* total) {
    __m512i sums[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {  // offset 32
      sums[c] = _mm512_slli_epi32(
          broadcast(x + c * stride + offsetof(Q8Block256, minus_sum16) + 4 * s), 5);
    }
    dot<kFirst, kFirst + 4, C>(quants, x + 16 * (s - kFirst / 4), stride, sums);
    const __m512i integers =
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales[s])));
    const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(integers), d);
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      total[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[c]), scale, total[c]);
    }
  }

  template <int C>
  static void tile(const uint8_t* panel, const MatmulArgs& args, const uint8_t* x, float* out,
                   int64_t rows) {
    constexpr int kHeadBytes = sizeof(PanelQ6_K::d) + sizeof(PanelQ6_K::scales);
    constexpr int kSubBytes = (sizeof(PanelQ6_K) - kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const PanelQ6_K*>(panel);
    const int64_t stride = args.activation_stride;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < args.blocks; ++b, ++block, x += sizeof(Q8Block256)) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      const __m512 d = load_halves(block->d);
      __m512 total[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) total[c] = _mm512_setzero_ps();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes>(bytes + kHeadBytes + j * kSubBytes);
        const LowAndTwoBits quants(block->sub[j].low, block->sub[j].high);
        half<0, C>(quants, *block, 2 * j, x, stride, d, total);
        half<4, C>(quants, *block, 2 * j + 1, x, stride, d, total);
      }
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        acc[c] = _mm512_fmadd_ps(total[c], _mm512_set1_ps(*block_scale(x + c * stride)), acc[c]);
      }
    }
    store<C>(acc, rows, out, args.out_stride);
  }
};

// --- activations
// ----------------------------------------------------------------------------------

constexpr float kSmallestMax = 0x1p-100f;
constexpr int32_t kInfinityBits = 0x7f800000;

// Scale of a block whose largest magnitude has these bits, and what to multiply with (0: all
// zeros).
float block_scales(int32_t magnitude_bits, float* inverse) {
  float most;
  __builtin_memcpy(&most, &magnitude_bits, sizeof(most));
  *inverse = 0.0f;
  if (magnitude_bits >= kInfinityBits) return __builtin_nanf("");
  if (most < kSmallestMax) return 0.0f;
  *inverse = 127.0f / most;
  return most / 127.0f;
}

// kVectors × 16 values: the bits of the largest magnitude. They order like the magnitudes, with NaN
// above infinity.
template <int kVectors>
int32_t largest_bits(const float* x) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  __m512i most = _mm512_setzero_si512();
#pragma GCC unroll 16
  for (int i = 0; i < kVectors; ++i) {
    most = _mm512_max_epi32(most, _mm512_and_si512(load(x + 16 * i), magnitude));
  }
  return _mm512_reduce_max_epi32(most);
}

// Quantises 16 values; returns their sum.
int32_t quantize_16(const float* x, float inverse, int8_t* q) {
  __m512i rounded = _mm512_setzero_si512();
  if (inverse != 0.0f) {
    rounded = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), _mm512_set1_ps(inverse)));
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtepi32_epi8(rounded));
  return _mm512_reduce_add_epi32(rounded);
}

void quantize_q8_32(const float* x, int64_t cols, void* out) {
  auto* block = static_cast<Q8Block32*>(out);
  for (int64_t b = 0; b < cols / 32; ++b, x += 32) {
    float inverse;
    block[b].scale = block_scales(largest_bits<2>(x), &inverse);
    const int32_t first = quantize_16(x, inverse, block[b].q);
    const int32_t sum = first + quantize_16(x + 16, inverse, block[b].q + 16);
    block[b].minus_sum = -sum;
    block[b].scaled_sum = block[b].scale * static_cast<float>(sum);
  }
}

void quantize_q8_256(const float* x, int64_t cols, void* out) {
  auto* block = static_cast<Q8Block256*>(out);
  for (int64_t b = 0; b < cols / 256; ++b, x += 256) {
    float inverse;
    block[b].scale = block_scales(largest_bits<16>(x), &inverse);
    for (int j = 0; j < 8; ++j) {
      const int32_t first = quantize_16(x + 32 * j, inverse, block[b].q + 32 * j);
      const int32_t second = quantize_16(x + 32 * j + 16, inverse, block[b].q + 32 * j + 16);
      block[b].minus_sum16[2 * j] = -first;
      block[b].minus_sum16[2 * j + 1] = -second;
      block[b].sum32[j] = static_cast<int16_t>(first + second);
    }
  }
}

}  // namespace

const MatrixKernels kMatrixKernelsAvx512Vnni = {
    {quantize_q8_32, quantize_q8_256},
    {run_tiles<Blocks32<Q4_0>>, run_tiles<Blocks32<Q4_1>>, run_tiles<Blocks32<Q5_0>>,
     run_tiles<Blocks32<Q5_1>>, run_tiles<Blocks32<Q8_0>>, run_tiles<BlocksK<Q4_K>>,
     run_tiles<BlocksK<Q5_K>>, run_tiles<BlocksQ6K>},
};

}  // namespace ix::backend::cpu
