// Matrix products of packed weights: every type and instruction set, few columns and many.
//
//   matrix_bench --benchmark_filter=avx512vnni/q4_k/n:1/
//
// bytes_per_second counts packed weights, ops two for each multiply-add. The weights are many
// copies of one matrix, 256 MiB together, so that products of few columns read from memory.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <random>
#include <vector>

#include "backend/cpu/kernels/matrix_dispatch.h"
#include "backend/cpu/packed_matrix.h"

namespace ix::backend::cpu {
namespace {

struct BenchType {
  const char* name;
  quant::TensorType type;
  int block_cols;
  int block_bytes;
};

constexpr BenchType kTypes[] = {
    {"q4_0", quant::TensorType::q4_0, 32, 18},   {"q4_1", quant::TensorType::q4_1, 32, 20},
    {"q5_0", quant::TensorType::q5_0, 32, 22},   {"q5_1", quant::TensorType::q5_1, 32, 24},
    {"q8_0", quant::TensorType::q8_0, 32, 34},   {"q2_k", quant::TensorType::q2_k, 256, 84},
    {"q3_k", quant::TensorType::q3_k, 256, 110}, {"q4_k", quant::TensorType::q4_k, 256, 144},
    {"q5_k", quant::TensorType::q5_k, 256, 176}, {"q6_k", quant::TensorType::q6_k, 256, 210},
};

constexpr int64_t kRows = 2048;
constexpr int64_t kCols = 2048;
constexpr int64_t kColdBytes = int64_t{256} << 20;

void multiply(benchmark::State& state, Isa isa, const BenchType& type, int threads, int64_t n) {
  const MatrixKernels& kernels = matrix_kernels(isa);
  ThreadPool pool(threads);
  std::mt19937 random(1);
  std::vector<std::byte> source(
      static_cast<size_t>(kRows * (kCols / type.block_cols) * type.block_bytes));
  for (std::byte& byte : source)
    byte = static_cast<std::byte>(random() & 0x3b);  // halves stay finite
  quant::TensorView view;
  view.name = "bench";
  view.type = type.type;
  view.dims = {kCols, kRows, 1, 1};
  view.bytes = source;

  const int64_t bytes = packed_bytes(type.type, kRows, kCols);
  const int64_t copies = n <= 16 ? kColdBytes / bytes : 1;
  Result<PageBuffer> storage = PageBuffer::allocate(static_cast<uint64_t>(copies * bytes));
  if (!storage.ok()) return state.SkipWithError(storage.status().message().c_str());
  std::vector<PackedMatrix> matrices;
  for (int64_t i = 0; i < copies; ++i) {
    PackOptions options;
    options.storage =
        storage->bytes().subspan(static_cast<size_t>(i * bytes), static_cast<size_t>(bytes));
    Result<PackedMatrix> packed = PackedMatrix::pack(view, pool, options);
    if (!packed.ok()) return state.SkipWithError(packed.status().message().c_str());
    matrices.push_back(*std::move(packed));
  }

  const ActivationKind kind = matrices[0].activation();
  std::vector<uint8_t> activations(static_cast<size_t>(activation_bytes(kind, kCols, n)));
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(kCols));
  for (int64_t j = 0; j < n; ++j) {
    for (float& value : x) value = normal(random);
    quantize_row(kernels.quantize[static_cast<int>(kind)], kind, x.data(), kCols, j, n,
                 activations.data());
  }
  std::vector<float> out(static_cast<size_t>(n * kRows));

  size_t next = 0;
  for (auto _ : state) {
    matrices[next].matmul(kernels, pool, activations.data(), n, out.data(), kRows);
    next = (next + 1) % matrices.size();
  }
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["ops"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 2.0 * kRows * kCols * static_cast<double>(n),
      benchmark::Counter::kIsRate);
}

void quantize(benchmark::State& state, Isa isa, ActivationKind kind) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(kCols));
  for (float& value : x) value = normal(random);
  std::vector<uint8_t> out(static_cast<size_t>(activation_bytes(kind, kCols, 1)));
  for (auto _ : state) {
    quantize_row(matrix_kernels(isa).quantize[static_cast<int>(kind)], kind, x.data(), kCols, 0, 1,
                 out.data());
  }
  state.SetItemsProcessed(state.iterations() * kCols);
}

void pack(benchmark::State& state, const BenchType& type, int threads) {
  ThreadPool pool(threads);
  constexpr int64_t kPackRows = 16384;
  std::vector<std::byte> source(
      static_cast<size_t>(kPackRows * (kCols / type.block_cols) * type.block_bytes));
  quant::TensorView view;
  view.name = "bench";
  view.type = type.type;
  view.dims = {kCols, kPackRows, 1, 1};
  view.bytes = source;
  Result<PageBuffer> storage =
      PageBuffer::allocate(static_cast<uint64_t>(packed_bytes(type.type, kPackRows, kCols)));
  if (!storage.ok()) return state.SkipWithError(storage.status().message().c_str());
  PackOptions options;
  options.storage = storage->bytes();
  for (auto _ : state) {
    if (!PackedMatrix::pack(view, pool, options).ok()) return state.SkipWithError("not packed");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(source.size()));
}

void register_benchmarks() {
  for (Isa isa : available_isas()) {
    for (const BenchType& type : kTypes) {
      for (int threads : {1, 2}) {
        for (int64_t n : {1, 2, 4, 8, 16, 32, 512}) {
          auto* bench = benchmark::RegisterBenchmark(
              fmt::format("{}/{}/n:{}/threads:{}", to_string(isa), type.name, n, threads).c_str(),
              [=](benchmark::State& state) { multiply(state, isa, type, threads, n); });
          // One thread is measured in its own CPU time, which a busy machine does not stretch.
          if (threads > 1) bench->UseRealTime();
        }
      }
    }
    benchmark::RegisterBenchmark(
        fmt::format("{}/quantize/q8_32", to_string(isa)).c_str(),
        [=](benchmark::State& state) { quantize(state, isa, ActivationKind::q8_32); });
    benchmark::RegisterBenchmark(
        fmt::format("{}/quantize/q8_256", to_string(isa)).c_str(),
        [=](benchmark::State& state) { quantize(state, isa, ActivationKind::q8_256); });
  }
  for (const BenchType& type : kTypes) {
    for (int threads : {1, 2}) {
      benchmark::RegisterBenchmark(fmt::format("pack/{}/threads:{}", type.name, threads).c_str(),
                                   [=](benchmark::State& state) { pack(state, type, threads); })
          ->UseRealTime();
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
