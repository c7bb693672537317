#include "bench/gemm_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "backend/cpu/kernels/isa.h"
#include "bench/exact_products.h"
#include "bench/packed_products.h"
#include "bench/working_set.h"
#include "progress.h"

namespace ix::cli {
namespace {

namespace cpu = backend::cpu;
using Clock = std::chrono::steady_clock;

// A sample is as many products as take this long, so that starting the threads does not show.
constexpr double kSampleSeconds = 0.05;
constexpr int64_t kMostProducts = 100'000;  // in a sample

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

limits::Arithmetic arithmetic_of(const GemmBenchOptions& options) {
  return options.exact ? limits::Arithmetic::fp32 : limits::Arithmetic::int8;
}

std::vector<Column> columns(const GemmBenchOptions& options) {
  const Column first = options.exact ? Column{"weights", 7, true} : Column{"type", 6, true};
  const std::string share = fmt::format("% {}", limits::to_string(arithmetic_of(options)));
  return {first,          {"isa", 12, true}, {"M", 6},   {"N", 5},    {"K", 6},
          {"threads", 7}, {"GOPS", 17},      {share, 7}, {"GB/s", 7}, {"% read", 7}};
}

Result<double> seconds_of(int64_t count, GemmProducts& products, ThreadPool& pool) {
  const auto begin = Clock::now();
  for (int64_t i = 0; i < count; ++i) IX_RETURN_IF_ERROR(products.multiply(pool));
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Shape {
  int64_t m;
  int64_t n;
  int64_t k;

  double ops() const {
    return 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

struct GemmResult {
  int64_t products = 0;  // of a sample
  Samples samples;       // of one product
  Limits limits;
};

class GemmBench {
 public:
  explicit GemmBench(const GemmBenchOptions& options)
      : options_(options),
        output_(options.format, columns(options)),
        limits_(!options.no_limits, arithmetic_of(options)) {}

  Status run() {
    IX_ASSIGN_OR_RETURN(const std::vector<GemmKind> kinds, options_.exact
                                                               ? exact_kinds(options_.types)
                                                               : packed_kinds(options_.types));
    IX_ASSIGN_OR_RETURN(isas_, isas_of(options_.isas));
    std::vector<int64_t> threads = options_.threads;
    if (threads.empty()) threads.push_back(default_threads());
    for (const GemmKind& kind : kinds) {
      for (const int64_t m : options_.m) {
        for (const int64_t k : options_.k) {
          for (const int64_t t : threads) {
            IX_ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool,
                                ThreadPool::start(static_cast<int>(t)));
            IX_RETURN_IF_ERROR(measure_all(kind, m, k, *pool));
          }
        }
      }
    }
    line_.clear();
    output_.finish();
    return ok_status();
  }

 private:
  Status measure_all(const GemmKind& kind, int64_t m, int64_t k, ThreadPool& pool) {
    const int64_t working_set = options_.working_set.value_or(uncached_bytes());
    IX_ASSIGN_OR_RETURN(const std::unique_ptr<GemmProducts> products,
                        kind.create(m, k, working_set, pool));
    IX_RETURN_IF_ERROR(check_room("activations and results",
                                  std::ranges::max(options_.n) * products->column_bytes()));
    for (const cpu::Isa isa : isas_) {
      for (const int64_t n : options_.n) {
        const Shape shape{m, n, k};
        line_.show(fmt::format("{} {} {} x {} x {}", kind.name, cpu::to_string(isa), m, n, k));
        limits_.before(pool.threads());
        IX_RETURN_IF_ERROR(products->prepare(isa, n, pool.threads()));
        IX_ASSIGN_OR_RETURN(GemmResult result, measure(*products, pool));
        result.limits = limits_.after(pool.threads());
        line_.clear();
        print(kind, isa, shape, pool.threads(), *products, result);
      }
    }
    return ok_status();
  }

  Result<GemmResult> measure(GemmProducts& products, ThreadPool& pool) const {
    IX_RETURN_IF_ERROR(seconds_of(1, products, pool).status());
    IX_ASSIGN_OR_RETURN(const double one, seconds_of(1, products, pool));
    GemmResult result;
    result.products =
        std::clamp(static_cast<int64_t>(kSampleSeconds / one) + 1, int64_t{1}, kMostProducts);
    for (int i = 0; i < options_.repetitions; ++i) {
      IX_ASSIGN_OR_RETURN(const double all, seconds_of(result.products, products, pool));
      const double each = all / static_cast<double>(result.products);
      result.samples.ns.push_back(std::max<int64_t>(1, static_cast<int64_t>(each * 1e9)));
    }
    return result;
  }

  void print(const GemmKind& kind, cpu::Isa isa, const Shape& shape, int threads,
             const GemmProducts& products, const GemmResult& result) {
    const Mean ops = mean_of(result.samples.rates(shape.ops()));
    const Mean bytes = mean_of(result.samples.rates(static_cast<double>(products.weight_bytes())));
    const Mean gops{ops.average / 1e9, ops.deviation / 1e9};
    Json out = fields_of_run();
    out.update(kind.fields);
    out["isa"] = cpu::to_string(isa);
    out["m"] = shape.m;
    out["n"] = shape.n;
    out["k"] = shape.k;
    out["n_threads"] = threads;
    out["working_set_bytes"] = products.weight_bytes() * products.copies();
    out["products_per_sample"] = result.products;
    add_times(out, result.samples);
    out["avg_gops"] = gops.average;
    out["stddev_gops"] = gops.deviation;
    out["avg_gbs"] = bytes.average / 1e9;
    out["stddev_gbs"] = bytes.deviation / 1e9;
    add_shares(out, result.limits, ops.average, bytes.average);
    products.add_fields(out);
    output_.add({kind.name, std::string(cpu::to_string(isa)), fmt::format("{}", shape.m),
                 fmt::format("{}", shape.n), fmt::format("{}", shape.k), fmt::format("{}", threads),
                 mean_cell(gops), share_cell(ops.average, result.limits.ops),
                 fmt::format("{:.1f}", bytes.average / 1e9),
                 share_cell(bytes.average, result.limits.read_bytes)},
                std::move(out));
  }

  const GemmBenchOptions& options_;
  std::vector<cpu::Isa> isas_;
  BenchOutput output_;
  LimitTracker limits_;
  StatusLine line_;
};

}  // namespace

Status run_gemm_bench(const GemmBenchOptions& options) { return GemmBench(options).run(); }

}  // namespace ix::cli
