// The weight types over an instruction set's quants, and the table of its kernels.
//
// To be included after the structs of quants (Low, LowAndBit, …), whose constructors take a panel's
// arrays and, where a panel is more than a register wide, the half of the rows that is meant.
// kOffsetBits: what has to be taken off the quants is 2^kOffsetBits, 0 where nothing has. kMin:
// there are mins. Included by instruction set files, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_tiles.h"
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {
namespace {

// --- types with blocks of 32

struct Q4_0 {
  using Panel = PanelQ4_0;
  static constexpr int kOffsetBits = 3;
  static constexpr bool kMin = false;
  template <typename... Half>
  IX_INLINE static Low quants(const Panel& p, Half... half) {
    return Low(p.low, half...);
  }
};
struct Q4_1 {
  using Panel = PanelQ4_1;
  static constexpr int kOffsetBits = 0;
  static constexpr bool kMin = true;
  template <typename... Half>
  IX_INLINE static Low quants(const Panel& p, Half... half) {
    return Low(p.low, half...);
  }
};
struct Q5_0 {
  using Panel = PanelQ5_0;
  static constexpr int kOffsetBits = 4;
  static constexpr bool kMin = false;
  template <typename... Half>
  IX_INLINE static LowAndBit quants(const Panel& p, Half... half) {
    return LowAndBit(p.low, p.high, half...);
  }
};
struct Q5_1 {
  using Panel = PanelQ5_1;
  static constexpr int kOffsetBits = 0;
  static constexpr bool kMin = true;
  template <typename... Half>
  IX_INLINE static LowAndBit quants(const Panel& p, Half... half) {
    return LowAndBit(p.low, p.high, half...);
  }
};
struct Q8_0 {
  using Panel = PanelQ8_0;
  static constexpr int kOffsetBits = Bytes::kOffsetBits;
  static constexpr bool kMin = false;
  template <typename... Half>
  IX_INLINE static Bytes quants(const Panel& p, Half... half) {
    return Bytes(p.q, half...);
  }
};

// --- types with blocks of 256; j is a sub-block of 32

struct Q2_K {
  using Panel = PanelQ2_K;
  static constexpr int kHeadBytes = offsetof(Panel, low);
  static constexpr int kOffsetBits = 0;
  static constexpr int kDropBits = 0;
  static constexpr bool kMin = true;
  template <typename... Half>
  IX_INLINE static TwoBits quants(const Panel& p, int j, Half... half) {
    return TwoBits(p.low[j], half...);
  }
};
struct Q3_K {
  using Panel = PanelQ3_K;
  static constexpr int kHeadBytes = offsetof(Panel, sub);
  static constexpr int kOffsetBits = 2;
  static constexpr int kDropBits = 0;
  static constexpr bool kMin = false;
  template <typename... Half>
  IX_INLINE static TwoBitsAndBit quants(const Panel& p, int j, Half... half) {
    return TwoBitsAndBit(p.sub[j].low, p.sub[j].high, half...);
  }
};
struct Q4_K {
  using Panel = PanelQ4_K;
  static constexpr int kSubBytes = sizeof(Panel::low[0]);
  static constexpr int kDropBits = 1;  // 32 * 15 * 127 < 2^(15 + 1)
  template <typename... Half>
  IX_INLINE static Low quants(const Panel& p, int j, Half... half) {
    return Low(p.low[j], half...);
  }
};
struct Q5_K {
  using Panel = PanelQ5_K;
  static constexpr int kSubBytes = sizeof(Panel::sub[0]);
  static constexpr int kDropBits = 2;  // 32 * 31 * 127 < 2^(15 + 2)
  template <typename... Half>
  IX_INLINE static LowAndBit quants(const Panel& p, int j, Half... half) {
    return LowAndBit(p.sub[j].low, p.sub[j].high, half...);
  }
};
struct Q6_K {
  using Panel = PanelQ6_K;
  static constexpr int kHeadBytes = offsetof(Panel, sub);
  static constexpr int kOffsetBits = 5;
  static constexpr int kDropBits = 1;  // 16 * 32 * 127 < 2^(15 + 1)
  static constexpr bool kMin = false;
  template <typename... Half>
  IX_INLINE static LowAndTwoBits quants(const Panel& p, int j, Half... half) {
    return LowAndTwoBits(p.sub[j].low, p.sub[j].high, half...);
  }
};

// --- weights of 16 bits

struct F16 {
  using Panel = PanelF16;
  IX_INLINE static auto widen(const uint16_t* w) { return load_halves(w); }
};
struct BF16 {
  using Panel = PanelBF16;
  IX_INLINE static auto widen(const uint16_t* w) { return load_bfloats(w); }
};

}  // namespace

// Blocks32 and the like are the tiles of an instruction set; the functions fill its activations.
template <template <typename> typename Blocks32, template <typename> typename BlocksK,
          template <typename> typename BlocksK16, typename BlocksQ6K,
          template <typename> typename Floats>
static constexpr MatrixKernels make_matrix_kernels(QuantizeFn q8_32, QuantizeFn q8_256) {
  return {
      {q8_32, q8_256, copy_f32},
      {run_tiles<Blocks32<Q4_0>>, run_tiles<Blocks32<Q4_1>>, run_tiles<Blocks32<Q5_0>>,
       run_tiles<Blocks32<Q5_1>>, run_tiles<Blocks32<Q8_0>>, run_tiles<BlocksK16<Q2_K>>,
       run_tiles<BlocksK16<Q3_K>>, run_tiles<BlocksK<Q4_K>>, run_tiles<BlocksK<Q5_K>>,
       run_tiles<BlocksQ6K>, run_tiles<Floats<F16>>, run_tiles<Floats<BF16>>},
  };
}

}  // namespace ix::backend::cpu
