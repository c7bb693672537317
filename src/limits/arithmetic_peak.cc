#include "limits/arithmetic_peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/cpuid.h"
#include "limits/start_line.h"

namespace ix::limits {
namespace {

#if defined(__x86_64__)

// Operands of the loops: bytes, bfloat16 pairs or floats that are neither zero nor subnormal.
alignas(64) constexpr uint32_t kBytes[16] = {
    0x01020304, 0x05060708, 0x11121314, 0x15161718, 0x21222324, 0x25262728, 0x31323334, 0x35363738,
    0x41424344, 0x45464748, 0x51525354, 0x55565758, 0x61626364, 0x65666768, 0x71727374, 0x75767778};
alignas(64) constexpr uint32_t kBfloat16[16] = {
    0x3f803f80, 0x3f813f82, 0x3f833f84, 0x3f853f86, 0x3f873f88, 0x3f893f8a, 0x3f8b3f8c, 0x3f8d3f8e,
    0x3f8f3f90, 0x3f913f92, 0x3f933f94, 0x3f953f96, 0x3f973f98, 0x3f993f9a, 0x3f9b3f9c, 0x3f9d3f9e};
// Below one, so that a * x + a stays bounded.
alignas(64) constexpr float kFloats[16] = {.50F, .51F, .52F, .53F, .54F, .55F, .56F, .57F,
                                           .58F, .59F, .60F, .61F, .62F, .63F, .64F, .65F};
alignas(64) constexpr uint32_t kOnes16[16] = {
    0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001,
    0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x00010001};

constexpr int64_t kAccumulators = 14;
#define IX_12(I) I(0) I(1) I(2) I(3) I(4) I(5) I(6) I(7) I(8) I(9) I(10) I(11)
#define IX_14(I) IX_12(I) I(12) I(13)
// A write of the low part clears the whole register.
#define IX_CLEAR(i) "vxorps %%xmm" #i ", %%xmm" #i ", %%xmm" #i "\n\t"
#define IX_REGISTERS                                                                       \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

// Accumulators 0 to 13, operand in 14 (and 15).
#define IX_LOOP(load, width, instructions, operand)                       \
  asm volatile(load " (%[a]), %%" width "14\n\t" load " (%[a]), %%" width \
                    "15\n\t" IX_14(IX_CLEAR) ".p2align 6\n1:\n\t" IX_14(  \
                        instructions) "dec %[n]\n\tjnz 1b\n\tvzeroupper"  \
               : [n] "+r"(iterations)                                     \
               : [a] "r"(operand)                                         \
               : "cc", "memory", IX_REGISTERS)

void vnni512(int64_t iterations) {
#define IX_I(i) "vpdpbusd %%zmm15, %%zmm14, %%zmm" #i "\n\t"
  IX_LOOP("vmovdqu32", "zmm", IX_I, kBytes);
#undef IX_I
}

void vnni256_evex(int64_t iterations) {
#define IX_I(i) "%{evex%} vpdpbusd %%ymm15, %%ymm14, %%ymm" #i "\n\t"
  IX_LOOP("vmovdqu", "ymm", IX_I, kBytes);
#undef IX_I
}

void vnni256_vex(int64_t iterations) {
#define IX_I(i) "%{vex%} vpdpbusd %%ymm15, %%ymm14, %%ymm" #i "\n\t"
  IX_LOOP("vmovdqu", "ymm", IX_I, kBytes);
#undef IX_I
}

// The dot product of AVX2: pairs to 16 bits, pairs of them to 32 bits, and a sum. Accumulators 0 to
// 11, bytes in 12, ones in 13; 14 is free as soon as it is read.
void maddubs256(int64_t iterations) {
#define IX_I(i)                              \
  "vpmaddubsw %%ymm12, %%ymm12, %%ymm14\n\t" \
  "vpmaddwd %%ymm13, %%ymm14, %%ymm14\n\t"   \
  "vpaddd %%ymm14, %%ymm" #i ", %%ymm" #i "\n\t"
  asm volatile(IX_12(IX_CLEAR) "vmovdqu (%[a]), %%ymm12\n\tvmovdqu (%[ones]), %%ymm13\n\t"
               ".p2align 6\n1:\n\t" IX_12(IX_I) "dec %[n]\n\tjnz 1b\n\tvzeroupper"
               : [n] "+r"(iterations)
               : [a] "r"(kBytes), [ones] "r"(kOnes16)
               : "cc", "memory", IX_REGISTERS);
#undef IX_I
}

void bf16_512(int64_t iterations) {
#define IX_I(i) "vdpbf16ps %%zmm15, %%zmm14, %%zmm" #i "\n\t"
  IX_LOOP("vmovdqu32", "zmm", IX_I, kBfloat16);
#undef IX_I
}

void fma512(int64_t iterations) {
#define IX_I(i) "vfmadd213ps %%zmm15, %%zmm14, %%zmm" #i "\n\t"
  IX_LOOP("vmovups", "zmm", IX_I, kFloats);
#undef IX_I
}

void fma256(int64_t iterations) {
#define IX_I(i) "vfmadd213ps %%ymm15, %%ymm14, %%ymm" #i "\n\t"
  IX_LOOP("vmovups", "ymm", IX_I, kFloats);
#undef IX_I
}

// Tiles of 16 rows of 64 bytes. Accumulators 0 to 3, two A and two B: as many as a product of
// matrices can keep, and their loads fit between the multiplications.
constexpr int64_t kTiles = 4;
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#define IX_TILES(instruction, operand)                                                  \
  const TileConfig config;                                                              \
  asm volatile(                                                                         \
      "ldtilecfg %[config]\n\t"                                                         \
      "tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n"      \
      ".p2align 6\n1:\n\t"                                                              \
      "tileloadd (%[a],%[stride],1), %%tmm4\n\t"                                        \
      "tileloadd (%[a],%[stride],1), %%tmm6\n\t" instruction                            \
      " %%tmm6, %%tmm4, %%tmm0\n\ttileloadd (%[a],%[stride],1), %%tmm7\n\t" instruction \
      " %%tmm7, %%tmm4, %%tmm1\n\t"                                                     \
      "tileloadd (%[a],%[stride],1), %%tmm5\n\t" instruction                            \
      " %%tmm6, %%tmm5, %%tmm2\n\t" instruction                                         \
      " %%tmm7, %%tmm5, %%tmm3\n\t"                                                     \
      "dec %[n]\n\tjnz 1b\n\ttilerelease"                                               \
      : [n] "+r"(iterations)                                                            \
      : [config] "m"(config), [a] "r"(operand), [stride] "r"(int64_t{0})                \
      : "cc", "memory")

void int8_amx(int64_t iterations) { IX_TILES("tdpbssd", kBytes); }
void bf16_amx(int64_t iterations) { IX_TILES("tdpbf16ps", kBfloat16); }

bool has_vnni512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
}
bool has_vnni256() { return has_vnni512() && __builtin_cpu_supports("avx512vl") != 0; }
bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }
bool has_fma() { return has_avx2() && __builtin_cpu_supports("fma") != 0; }
bool has_fma512() { return __builtin_cpu_supports("avx512f") != 0; }
bool has_avx_vnni() { return has_avx2() && cpu_has_avx_vnni(); }
bool has_bf16() { return has_fma512() && cpu_has_avx512_bf16(); }

constexpr PeakLoop kLoops[] = {
    {"int8_amx", "tdpbssd", Arithmetic::int8, kTiles * 16 * 16 * 64 * 2, may_use_amx, int8_amx},
    {"bf16_amx", "tdpbf16ps", Arithmetic::bf16, kTiles * 16 * 16 * 32 * 2, may_use_amx, bf16_amx},
    {"int8_vnni512", "vpdpbusd zmm", Arithmetic::int8, kAccumulators * 64 * 2, has_vnni512,
     vnni512},
    {"int8_vnni256", "vpdpbusd ymm", Arithmetic::int8, kAccumulators * 32 * 2, has_vnni256,
     vnni256_evex},
    {"int8_avxvnni", "vpdpbusd ymm (VEX)", Arithmetic::int8, kAccumulators * 32 * 2, has_avx_vnni,
     vnni256_vex},
    {"int8_avx2", "vpmaddubsw, vpmaddwd, vpaddd ymm", Arithmetic::int8, int64_t{12} * 32 * 2,
     has_avx2, maddubs256},
    {"bf16_512", "vdpbf16ps zmm", Arithmetic::bf16, kAccumulators * 32 * 2, has_bf16, bf16_512},
    {"fp32_512", "vfmadd213ps zmm", Arithmetic::fp32, kAccumulators * 16 * 2, has_fma512, fma512},
    {"fp32_256", "vfmadd213ps ymm", Arithmetic::fp32, kAccumulators * 8 * 2, has_fma, fma256},
};

std::vector<PeakLoop> find_runnable() {
  __builtin_cpu_init();
  std::vector<PeakLoop> found;
  for (const PeakLoop& loop : kLoops) {
    if (loop.runs_here()) found.push_back(loop);
  }
  return found;
}

#else

std::vector<PeakLoop> find_runnable() { return {}; }

#endif

// About 20 microseconds at a cycle an instruction: the clock is looked at seldom.
constexpr int64_t kIterationsPerLook = 4096;

// Operations a second of the calling thread.
double run_for(const PeakLoop& loop, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  int64_t iterations = 0;
  double elapsed = 0;
  while (elapsed < seconds) {
    loop.run(kIterationsPerLook);
    iterations += kIterationsPerLook;
    elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  return static_cast<double>(iterations) * static_cast<double>(loop.ops_per_iteration) / elapsed;
}

}  // namespace

std::string_view to_string(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::int8:
      return "int8";
    case Arithmetic::bf16:
      return "bf16";
    case Arithmetic::fp32:
      return "fp32";
  }
  return "unknown";
}

std::span<const PeakLoop> runnable_loops() {
  static const std::vector<PeakLoop> kRunnable = find_runnable();
  return kRunnable;
}

Rate measure_peak(const PeakLoop& loop, ThreadPool& pool, int passes, double seconds) {
  std::vector<double> samples;
  std::vector<double> of_thread(static_cast<size_t>(pool.threads()));
  for (int pass = 0; pass < passes; ++pass) {
    StartLine start(pool.threads());
    pool.run(pool.threads(), [&](int64_t, int thread) {
      start.wait();
      of_thread[static_cast<size_t>(thread)] = run_for(loop, seconds);
    });
    double sum = 0;
    for (const double rate : of_thread) sum += rate;
    samples.push_back(sum);
  }
  return rate_of(std::move(samples));
}

}  // namespace ix::limits
