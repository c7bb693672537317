/* Quantised blocks as they lie in GGUF files, byte for byte. Source of the layouts: ggml-common.h.
 *
 * C11 and C++. All fields are little endian. A matrix of a block type is [rows, columns / weights
 * of a block] blocks, row-major. q is the unsigned quant of a weight w; d, m and dmin are FP16.
 * Define IX_NO_DROP_IN_NAMES before including to leave out the names without the prefix ix_.
 */
#ifndef IX_Q4_TYPES_H_
#define IX_Q4_TYPES_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The bits of an IEEE 754 binary16 number. */
typedef uint16_t ix_fp16;

#define IX_QK 32    /* weights in a block of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 */
#define IX_QK_K 256 /* weights in a block of the K types */

/* w = d (q - 8); low nibbles are weights 0..15, high nibbles 16..31. */
typedef struct ix_block_q4_0 {
  ix_fp16 d;
  uint8_t qs[16];
} ix_block_q4_0;

/* w = d q + m; nibbles as Q4_0. */
typedef struct ix_block_q4_1 {
  ix_fp16 d;
  ix_fp16 m;
  uint8_t qs[16];
} ix_block_q4_1;

/* w = d (q - 16); bit i of the little-endian number in qh is the fifth bit of weight i. */
typedef struct ix_block_q5_0 {
  ix_fp16 d;
  uint8_t qh[4];
  uint8_t qs[16];
} ix_block_q5_0;

/* w = d q + m; bits as Q5_0. */
typedef struct ix_block_q5_1 {
  ix_fp16 d;
  ix_fp16 m;
  uint8_t qh[4];
  uint8_t qs[16];
} ix_block_q5_1;

/* w = d qs[i] */
typedef struct ix_block_q8_0 {
  ix_fp16 d;
  int8_t qs[32];
} ix_block_q8_0;

/* 8 sub-blocks j of 32 weights with 6-bit scale sc and 6-bit min m: w = d sc q - dmin m.
 * j < 4:  sc = scales[j] & 63, m = scales[j + 4] & 63.
 * j >= 4: sc = (scales[j + 4] & 15) | (scales[j - 4] >> 6 << 4),
 *         m = (scales[j + 4] >> 4) | (scales[j] >> 6 << 4).
 * Bytes qs[32 p .. 32 p + 31], p = 0..3: low nibbles are sub-block 2 p, high nibbles 2 p + 1. */
typedef struct ix_block_q4_K {
  ix_fp16 d;
  ix_fp16 dmin;
  uint8_t scales[12];
  uint8_t qs[128];
} ix_block_q4_K;

/* As Q4_K; bit j of qh[i] is the fifth bit of weight i of sub-block j. */
typedef struct ix_block_q5_K {
  ix_fp16 d;
  ix_fp16 dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
} ix_block_q5_K;

/* 16 sub-blocks of 16 weights: w = d scales[j] (q - 32). In each half of 128 weights (64 bytes of
 * ql, 32 of qh): ql[i] holds weights i (low) and i + 64 (high), ql[i + 32] those i + 32 and i + 96;
 * qh[i] two bits of each of the four, lowest first. */
typedef struct ix_block_q6_K {
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  ix_fp16 d;
} ix_block_q6_K;

#ifdef __cplusplus
#define IX_LAYOUT_ASSERT(condition, message) static_assert(condition, message)
#else
#define IX_LAYOUT_ASSERT(condition, message) _Static_assert(condition, message)
#endif
IX_LAYOUT_ASSERT(sizeof(ix_fp16) == 2, "FP16 has 16 bits");
IX_LAYOUT_ASSERT(sizeof(ix_block_q4_0) == 18 && offsetof(ix_block_q4_0, qs) == 2, "Q4_0");
IX_LAYOUT_ASSERT(sizeof(ix_block_q4_1) == 20 && offsetof(ix_block_q4_1, qs) == 4, "Q4_1");
IX_LAYOUT_ASSERT(sizeof(ix_block_q5_0) == 22 && offsetof(ix_block_q5_0, qs) == 6, "Q5_0");
IX_LAYOUT_ASSERT(sizeof(ix_block_q5_1) == 24 && offsetof(ix_block_q5_1, qs) == 8, "Q5_1");
IX_LAYOUT_ASSERT(sizeof(ix_block_q8_0) == 34 && offsetof(ix_block_q8_0, qs) == 2, "Q8_0");
IX_LAYOUT_ASSERT(sizeof(ix_block_q4_K) == 144, "Q4_K has 144 bytes");
IX_LAYOUT_ASSERT(offsetof(ix_block_q4_K, d) == 0 && offsetof(ix_block_q4_K, dmin) == 2, "Q4_K");
IX_LAYOUT_ASSERT(offsetof(ix_block_q4_K, scales) == 4 && offsetof(ix_block_q4_K, qs) == 16, "Q4_K");
IX_LAYOUT_ASSERT(sizeof(ix_block_q5_K) == 176 && offsetof(ix_block_q5_K, qs) == 48, "Q5_K");
IX_LAYOUT_ASSERT(sizeof(ix_block_q6_K) == 210 && offsetof(ix_block_q6_K, d) == 208, "Q6_K");
#undef IX_LAYOUT_ASSERT

#ifndef IX_NO_DROP_IN_NAMES
typedef ix_block_q4_0 block_q4_0;
typedef ix_block_q4_1 block_q4_1;
typedef ix_block_q5_0 block_q5_0;
typedef ix_block_q5_1 block_q5_1;
typedef ix_block_q8_0 block_q8_0;
typedef ix_block_q4_K block_q4_K;
typedef ix_block_q5_K block_q5_K;
typedef ix_block_q6_K block_q6_K;
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* IX_Q4_TYPES_H_ */
