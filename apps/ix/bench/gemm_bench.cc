#include "bench/gemm_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <memory>
#include <random>
#include <utility>

#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/kernels/matrix_dispatch.h"
#include "bench/packed_weights.h"
#include "progress.h"

namespace ix::cli {
namespace {

namespace cpu = backend::cpu;
using Clock = std::chrono::steady_clock;

// A sample is as many products as take this long, so that starting the threads does not show.
constexpr double kSampleSeconds = 0.05;
constexpr int64_t kMostProducts = 100'000;  // in a sample

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Result<std::vector<quant::TensorType>> types_of(const std::vector<std::string>& names) {
  const std::vector<quant::TensorType> all = packable_types();
  if (names.empty()) return all;
  std::vector<quant::TensorType> out;
  for (const std::string& name : names) {
    const auto it = std::ranges::find_if(
        all, [&](quant::TensorType type) { return lower(quant::type_name(type)) == lower(name); });
    if (it == all.end()) {
      std::vector<std::string> known;
      known.reserve(all.size());
      for (const quant::TensorType type : all) known.push_back(quant::type_name(type));
      return invalid_argument(
          fmt::format("--type is '{}', but must be some of {}", name, fmt::join(known, ", ")));
    }
    out.push_back(*it);
  }
  return out;
}

Result<std::vector<cpu::Isa>> isas_of(const std::vector<std::string>& names) {
  std::vector<cpu::Isa> out;
  if (names.empty()) {
    IX_ASSIGN_OR_RETURN(const cpu::Isa isa, cpu::choose_isa());
    return std::vector<cpu::Isa>{isa};
  }
  for (const std::string& name : names) {
    if (name == "all") {
      const auto all = cpu::available_isas();
      return std::vector<cpu::Isa>(all.begin(), all.end());
    }
    IX_ASSIGN_OR_RETURN(const cpu::Isa isa, cpu::parse_isa(name));
    out.push_back(isa);
  }
  return out;
}

// n rows of normally distributed activations as a kernel reads them.
struct QuantizedRows {
  std::vector<uint8_t> bytes;
  double ns_per_row;  // that quantising took, on one thread
};

QuantizedRows quantize(const cpu::PackedMatrix& weights, const cpu::MatrixKernels& kernels,
                       int64_t n) {
  const cpu::ActivationKind kind = weights.activation();
  QuantizedRows out{{}, 0};
  out.bytes.resize(static_cast<size_t>(cpu::activation_bytes(kind, weights.cols(), n)));
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> row(static_cast<size_t>(weights.cols()));
  double ns = 0;
  for (int64_t j = 0; j < n; ++j) {
    for (float& value : row) value = normal(random);
    const auto begin = Clock::now();
    cpu::quantize_row(kernels.quantize[static_cast<int>(kind)], kind, row.data(), weights.cols(), j,
                      n, out.bytes.data());
    ns += std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
  }
  out.ns_per_row = ns / static_cast<double>(n);
  return out;
}

struct GemmResult {
  cpu::Isa isa;
  int64_t n;
  int64_t products;  // of a sample
  double quantize_ns_per_row;
  Samples samples;  // of one product
  Limits limits;
};

std::vector<Column> columns() {
  return {{"type", 6, true}, {"isa", 12, true}, {"M", 6},      {"N", 5},    {"K", 6},
          {"threads", 7},    {"GOPS", 17},      {"% int8", 7}, {"GB/s", 7}, {"% read", 7}};
}

class GemmBench {
 public:
  explicit GemmBench(const GemmBenchOptions& options)
      : options_(options), output_(options.format, columns()), limits_(!options.no_limits) {}

  Status run() {
    IX_ASSIGN_OR_RETURN(const auto types, types_of(options_.types));
    IX_ASSIGN_OR_RETURN(const auto isas, isas_of(options_.isas));
    std::vector<int64_t> threads = options_.threads;
    if (threads.empty()) threads.push_back(default_threads());
    const int64_t working_set = options_.working_set.value_or(uncached_bytes());
    for (const quant::TensorType type : types) {
      for (const int64_t m : options_.m) {
        for (const int64_t k : options_.k) {
          for (const int64_t t : threads) {
            IX_ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool,
                                ThreadPool::start(static_cast<int>(t)));
            IX_ASSIGN_OR_RETURN(const PackedWeights weights,
                                PackedWeights::create(type, m, k, working_set, *pool));
            IX_RETURN_IF_ERROR(check_rows(weights.at(0)));
            for (const cpu::Isa isa : isas) measure_all(type, isa, weights, *pool);
          }
        }
      }
    }
    line_.clear();
    output_.finish();
    return ok_status();
  }

 private:
  // Activations and results of the largest N fit into memory.
  Status check_rows(const cpu::PackedMatrix& weights) const {
    const int64_t row = cpu::activation_bytes(weights.activation(), weights.cols(), 1) +
                        weights.rows() * static_cast<int64_t>(sizeof(float));
    return check_room("activations and results", std::ranges::max(options_.n) * row);
  }

  void measure_all(quant::TensorType type, cpu::Isa isa, const PackedWeights& weights,
                   ThreadPool& pool) {
    for (const int64_t n : options_.n) {
      line_.show(fmt::format("{} {} {} x {} x {}", quant::type_name(type), cpu::to_string(isa),
                             weights.at(0).rows(), n, weights.at(0).cols()));
      limits_.before(pool.threads());
      GemmResult result = measure(isa, weights, n, pool);
      result.limits = limits_.after(pool.threads());
      line_.clear();
      print(type, weights, pool.threads(), result);
    }
  }

  GemmResult measure(cpu::Isa isa, const PackedWeights& weights, int64_t n, ThreadPool& pool) {
    const cpu::MatrixKernels& kernels = cpu::matrix_kernels(isa);
    const QuantizedRows in = quantize(weights.at(0), kernels, n);
    std::vector<float> out(static_cast<size_t>(n * weights.at(0).rows()));
    int64_t next = 0;
    const auto seconds_of = [&](int64_t products) {
      const auto begin = Clock::now();
      for (int64_t i = 0; i < products; ++i) {
        weights.at(next).matmul(kernels, pool, in.bytes.data(), n, out.data(),
                                weights.at(0).rows());
        next = (next + 1) % weights.count();
      }
      return std::chrono::duration<double>(Clock::now() - begin).count();
    };
    seconds_of(1);
    const double one = seconds_of(1);
    const auto products =
        std::clamp(static_cast<int64_t>(kSampleSeconds / one) + 1, int64_t{1}, kMostProducts);
    GemmResult result{isa, n, products, in.ns_per_row, {}, {}};
    for (int i = 0; i < options_.repetitions; ++i) {
      const double each = seconds_of(products) / static_cast<double>(products);
      result.samples.ns.push_back(std::max<int64_t>(1, static_cast<int64_t>(each * 1e9)));
    }
    return result;
  }

  void print(quant::TensorType type, const PackedWeights& weights, int threads,
             const GemmResult& result) {
    const cpu::PackedMatrix& matrix = weights.at(0);
    const double multiplications = static_cast<double>(matrix.rows()) *
                                   static_cast<double>(matrix.cols()) *
                                   static_cast<double>(result.n);
    const Mean ops = mean_of(result.samples.rates(2 * multiplications));
    const Mean bytes = mean_of(result.samples.rates(static_cast<double>(matrix.bytes())));
    const Mean gops{ops.average / 1e9, ops.deviation / 1e9};
    Json out = fields_of_run();
    out["type"] = quant::type_name(type);
    out["isa"] = cpu::to_string(result.isa);
    out["m"] = matrix.rows();
    out["n"] = result.n;
    out["k"] = matrix.cols();
    out["n_threads"] = threads;
    out["packed_bytes"] = matrix.bytes();
    out["working_set_bytes"] = matrix.bytes() * weights.count();
    out["products_per_sample"] = result.products;
    add_times(out, result.samples);
    out["avg_gops"] = gops.average;
    out["stddev_gops"] = gops.deviation;
    out["avg_gbs"] = bytes.average / 1e9;
    out["stddev_gbs"] = bytes.deviation / 1e9;
    add_shares(out, result.limits, ops.average, bytes.average);
    out["quantize_ns_per_row"] = result.quantize_ns_per_row;
    out["pack_gbs"] = weights.pack_bytes_per_second() / 1e9;
    output_.add({quant::type_name(type), std::string(cpu::to_string(result.isa)),
                 fmt::format("{}", matrix.rows()), fmt::format("{}", result.n),
                 fmt::format("{}", matrix.cols()), fmt::format("{}", threads), mean_cell(gops),
                 share_cell(ops.average, result.limits.int8_ops),
                 fmt::format("{:.1f}", bytes.average / 1e9),
                 share_cell(bytes.average, result.limits.read_bytes)},
                std::move(out));
  }

  const GemmBenchOptions& options_;
  BenchOutput output_;
  LimitTracker limits_;
  StatusLine line_;
};

}  // namespace

Status run_gemm_bench(const GemmBenchOptions& options) { return GemmBench(options).run(); }

}  // namespace ix::cli
