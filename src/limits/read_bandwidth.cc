#include "limits/read_bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/checked_math.h"
#include "base/host_limits.h"
#include "limits/start_line.h"

namespace ix::limits {
namespace {

constexpr int64_t kBytesPerIteration = 1024;
using ReadFn = void (*)(const std::byte* from, int64_t iterations);

#if defined(__x86_64__)

#define IX_4(I, o) I(o, 0) I(o, 1) I(o, 2) I(o, 3)
#define IX_16(I, o) \
  IX_4(I, o)        \
  I(o, 4)           \
  I(o, 5) I(o, 6) I(o, 7) I(o, 8) I(o, 9) I(o, 10) I(o, 11) I(o, 12) I(o, 13) I(o, 14) I(o, 15)
#define IX_READ_LOOP(loads)                                                                      \
  asm volatile(".p2align 6\n1:\n\t" loads "add $1024, %[p]\n\tdec %[n]\n\tjnz 1b"                \
               : [p] "+r"(from), [n] "+r"(iterations)                                            \
               :                                                                                 \
               : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
                 "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

void read512(const std::byte* from, int64_t iterations) {
#define IX_I(o, i) "vmovdqa64 " #i "*64(%[p]), %%zmm" #i "\n\t"
  IX_READ_LOOP(IX_16(IX_I, 0));
#undef IX_I
  asm volatile("vzeroupper");
}

void read256(const std::byte* from, int64_t iterations) {
#define IX_I(o, i) "vmovdqa " #o "+" #i "*32(%[p]), %%ymm" #i "\n\t"
  IX_READ_LOOP(IX_16(IX_I, 0) IX_16(IX_I, 512));
#undef IX_I
  asm volatile("vzeroupper");
}

void read128(const std::byte* from, int64_t iterations) {
#define IX_I(o, i) "movdqa " #o "+" #i "*16(%[p]), %%xmm" #i "\n\t"
  IX_READ_LOOP(IX_16(IX_I, 0) IX_16(IX_I, 256) IX_16(IX_I, 512) IX_16(IX_I, 768));
#undef IX_I
}

ReadFn widest_read() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") != 0) return read512;
  return __builtin_cpu_supports("avx") != 0 ? read256 : read128;
}

#else

void read_words(const std::byte* from, int64_t iterations) {
  uint64_t sums[8] = {};
  const auto* words = reinterpret_cast<const uint64_t*>(from);
  for (int64_t i = 0; i < iterations * kBytesPerIteration / 8; i += 8) {
    for (int64_t j = 0; j < 8; ++j) sums[j] += words[i + j];
  }
  asm volatile("" : : "r"(sums) : "memory");
}

ReadFn widest_read() { return read_words; }

#endif

}  // namespace

int64_t default_read_buffer_bytes() {
  const uint64_t cache = last_level_cache_bytes();
  return cache > 0 ? static_cast<int64_t>(8 * cache) : int64_t{1} << 30;
}

Result<SequentialReader> SequentialReader::create(ThreadPool& pool, int64_t buffer_bytes) {
  IX_CHECK(buffer_bytes > 0);
  const int threads = pool.threads();
  const int64_t part = round_up(ceil_div(buffer_bytes, int64_t{threads}), kBytesPerIteration);
  IX_ASSIGN_OR_RETURN(PageBuffer buffer,
                      PageBuffer::allocate(static_cast<uint64_t>(part * threads)));
  StartLine start(threads);
  pool.run(threads, [&](int64_t, int thread) {
    start.wait();
    std::memset(buffer.data() + thread * part, 1, static_cast<size_t>(part));
  });
  return SequentialReader(pool, std::move(buffer), part);
}

double SequentialReader::read(int64_t bytes) {
  using Clock = std::chrono::steady_clock;
  const auto threads = static_cast<size_t>(pool_->threads());
  const ReadFn read_run = widest_read();
  const int64_t share =
      round_up(ceil_div(bytes, static_cast<int64_t>(threads)), kBytesPerIteration);
  std::vector<Clock::time_point> begin(threads);
  std::vector<Clock::time_point> end(threads);
  StartLine start(pool_->threads());
  pool_->run(pool_->threads(), [&](int64_t, int thread) {
    const std::byte* mine = buffer_.data() + thread * part_;
    start.wait();
    begin[static_cast<size_t>(thread)] = Clock::now();
    int64_t at = next_;
    for (int64_t left = share; left > 0;) {
      const int64_t run = std::min(left, part_ - at);
      read_run(mine + at, run / kBytesPerIteration);
      left -= run;
      at = (at + run) % part_;
    }
    end[static_cast<size_t>(thread)] = Clock::now();
  });
  next_ = (next_ + share) % part_;
  const std::chrono::duration<double> took =
      *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end());
  return took.count();
}

Result<ReadBandwidth> measure_read(ThreadPool& pool, int64_t buffer_bytes, int passes) {
  IX_ASSIGN_OR_RETURN(SequentialReader reader, SequentialReader::create(pool, buffer_bytes));
  std::vector<double> samples;
  for (int pass = 0; pass < passes; ++pass) {
    const double seconds = reader.read(reader.buffer_bytes());
    samples.push_back(static_cast<double>(reader.buffer_bytes()) / seconds);
  }
  return ReadBandwidth{rate_of(std::move(samples)), reader.buffer_bytes()};
}

}  // namespace ix::limits
