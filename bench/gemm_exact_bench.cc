// The exact product Q4_K × FP16 -> FP32: every instruction set, few columns and many, weights as
// blocks and dequantised before.
//
//   gemm_exact_bench --benchmark_filter=avx512vnni/blocks/m:4096/n:512/k:4096/threads:2
//
// ops counts two for each multiply-add, bytes_per_second the weights as they are read.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <vector>

#include "backend/cpu/gemm_exact.h"
#include "backend/cpu/kernels/gemm_exact_dispatch.h"
#include "base/float16.h"
#include "quant/blocks.h"

namespace ix::backend::cpu {
namespace {

struct Shape {
  int64_t m;
  int64_t n;
  int64_t k;
};

void multiply(benchmark::State& state, Isa isa, bool packed, Shape shape, int threads) {
  const ExactKernels& kernels = exact_kernels(isa);
  ThreadPool pool(threads);
  std::mt19937 random(1);
  std::vector<quant::BlockQ4K> blocks(static_cast<size_t>(shape.m * shape.k / 256));
  for (quant::BlockQ4K& block : blocks) {
    block.d = float_to_half(0.01F);
    block.dmin = float_to_half(0.01F);
    for (uint8_t& scale : block.scales) scale = static_cast<uint8_t>(random());
    for (uint8_t& quants : block.qs) quants = static_cast<uint8_t>(random());
  }
  std::normal_distribution<float> normal;
  std::vector<uint16_t> b(static_cast<size_t>(shape.k * shape.n));
  for (uint16_t& value : b) value = float_to_half(normal(random));
  std::vector<float> c(static_cast<size_t>(shape.m * shape.n));

  const Q4KRows rows = {reinterpret_cast<const std::byte*>(blocks.data()), shape.k / 256 * 144,
                        shape.m, shape.k};
  const GemmLayout layout = {shape.n, shape.n, shape.n, false};
  const GemmOperands operands = {b.data(), c.data()};
  GemmWorkspace workspace;
  Result<HalfMatrix> halves = HalfMatrix::pack(kernels, rows, pool);
  if (!halves.ok()) return state.SkipWithError(halves.status().message().c_str());
  for (auto _ : state) {
    const Status status =
        packed ? gemm_exact(kernels, *halves, layout, {&operands, 1}, pool, workspace)
               : gemm_exact(kernels, rows, layout, {&operands, 1}, pool, workspace);
    if (!status.ok()) return state.SkipWithError(status.message().c_str());
  }
  const int64_t bytes = packed ? halves->bytes() : shape.m * rows.row_bytes;
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["ops"] = benchmark::Counter(static_cast<double>(state.iterations()) * 2.0 *
                                                 static_cast<double>(shape.m * shape.n * shape.k),
                                             benchmark::Counter::kIsRate);
}

void register_benchmarks() {
  constexpr Shape kShapes[] = {{4096, 512, 4096}, {4096, 1, 4096},     {4096, 4, 4096},
                               {4096, 16, 4096},  {4096, 64, 4096},    {16384, 1, 4096},
                               {32, 4096, 4096},  {1024, 2048, 16384}, {256, 12, 256}};
  for (Isa isa : available_isas()) {
    for (bool packed : {false, true}) {
      for (const Shape& shape : kShapes) {
        for (int threads : {1, 2}) {
          benchmark::RegisterBenchmark(
              fmt::format("{}/{}/m:{}/n:{}/k:{}/threads:{}", to_string(isa),
                          packed ? "halves" : "blocks", shape.m, shape.n, shape.k, threads)
                  .c_str(),
              [=](benchmark::State& state) { multiply(state, isa, packed, shape, threads); })
              ->UseRealTime();
        }
      }
    }
  }
}

}  // namespace
}  // namespace ix::backend::cpu

int main(int argc, char** argv) {
  ix::backend::cpu::register_benchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
