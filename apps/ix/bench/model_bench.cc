#include "bench/model_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "backend/cpu/cpu_executor.h"
#include "backend/cpu/kernels/isa.h"
#include "base/host_limits.h"
#include "base/thread_pool.h"
#include "bench/model_description.h"
#include "bench/model_test.h"
#include "gguf/gguf_file.h"
#include "model/model.h"
#include "progress.h"

namespace ix::cli {
namespace {

using Clock = std::chrono::steady_clock;

// In llama-bench's order: for each setting the prompts, then the decoding.
std::vector<ModelTest> tests_of(const ModelBenchOptions& options) {
  std::vector<int64_t> threads = options.threads;
  if (threads.empty()) threads.push_back(default_threads());
  std::vector<ModelTest> out;
  for (const int64_t t : threads) {
    for (const int64_t batch : options.batch) {
      for (const int64_t depth : options.depth) {
        ModelTest test{.threads = static_cast<int>(t),
                       .batch = static_cast<int32_t>(batch),
                       .prompt = 0,
                       .generate = 0,
                       .depth = depth,
                       .parallel = 1};
        for (const int64_t prompt : options.prompt) {
          test.prompt = prompt;
          if (prompt > 0) out.push_back(test);
        }
        test.prompt = 0;
        for (const int64_t generate : options.generate) {
          for (const int64_t parallel : options.parallel) {
            test.generate = generate;
            test.parallel = static_cast<int32_t>(parallel);
            if (generate > 0) out.push_back(test);
          }
        }
      }
    }
  }
  return out;
}

// Room for the largest test, with the threads of one.
backend::ExecutorOptions executor_options(const std::vector<ModelTest>& tests,
                                          const ModelTest& test) {
  backend::ExecutorOptions out{.threads = test.threads, .max_rows = 1, .kv_tokens = 1};
  for (const ModelTest& each : tests) {
    out.max_rows = std::max({out.max_rows, each.batch, each.parallel});
    out.kv_tokens = std::max(out.kv_tokens, each.length() * each.parallel);
    out.max_sequences = std::max(out.max_sequences, each.parallel);
  }
  return out;
}

std::vector<Column> columns(bool by_turns) {
  std::vector<Column> out = {{"model", 26, true},   {"size", 10},   {"params", 9},
                             {"backend", 14, true}, {"threads", 7}, {"test", 16},
                             {"t/s", 18},           {"GB/s", 7},    {"% read", 7},
                             {"GOPS", 8},           {"% int8", 7}};
  if (by_turns) out.push_back({"% by turns", 10});
  return out;
}

// A model that is loaded, and the executor of the test that ran last.
class LoadedModel {
 public:
  static Result<std::unique_ptr<LoadedModel>> load(const std::string& path,
                                                   const ModelBenchOptions& options,
                                                   const std::vector<ModelTest>& tests) {
    std::unique_ptr<LoadedModel> out(new LoadedModel);
    IX_ASSIGN_OR_RETURN(out->file_, gguf::GgufFile::open(path));
    int64_t context = 1;
    for (const ModelTest& test : tests) context = std::max(context, test.length());
    auto decoder = model::build_decoder(*out->file_, {.context_length = context});
    if (!decoder.ok()) return decoder.status().with_context(path);
    out->decoder_ = std::move(decoder).value();
    LoadingLine line;
    const auto begin = Clock::now();
    IX_ASSIGN_OR_RETURN(
        out->model_,
        backend::cpu::load_model(out->decoder_, *out->file_, executor_options(tests, tests.front()),
                                 {.isa = options.isa,
                                  .pack = !options.no_pack,
                                  .progress = LoadingLine::update,
                                  .progress_context = &line}));
    out->load_ms_ = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    return out;
  }

  Status open_executor(const backend::ExecutorOptions& options) {
    if (executor_ && threads_ == options.threads) return ok_status();
    executor_.reset();
    IX_ASSIGN_OR_RETURN(executor_, backend::cpu::open_cpu(model_, options));
    threads_ = options.threads;
    return ok_status();
  }

  const gguf::GgufFile& file() const { return *file_; }
  const graph::Decoder& decoder() const { return decoder_; }
  backend::Executor& executor() { return *executor_; }
  double load_ms() const { return load_ms_; }

 private:
  LoadedModel() = default;

  std::unique_ptr<gguf::GgufFile> file_;
  graph::Decoder decoder_;
  std::shared_ptr<const backend::cpu::CpuModel> model_;
  std::unique_ptr<backend::Executor> executor_;  // goes first
  int threads_ = 0;
  double load_ms_ = 0;
};

// What reads between the tokens, on threads of its own.
class ReadingTurns {
 public:
  static Result<std::unique_ptr<ReadingTurns>> start(int threads) {
    std::unique_ptr<ReadingTurns> out(new ReadingTurns);
    IX_ASSIGN_OR_RETURN(out->pool_, ThreadPool::start(threads));
    IX_ASSIGN_OR_RETURN(
        limits::SequentialReader reader,
        limits::SequentialReader::create(*out->pool_, limits::default_read_buffer_bytes()));
    out->reader_ = std::move(reader);
    return out;
  }
  limits::SequentialReader& reader() { return *reader_; }

 private:
  ReadingTurns() = default;

  std::unique_ptr<ThreadPool> pool_;
  std::optional<limits::SequentialReader> reader_;
};

class ModelBench {
 public:
  explicit ModelBench(const ModelBenchOptions& options)
      : options_(options),
        tests_(tests_of(options)),
        output_(options.format, columns(options.by_turns)),
        limits_(!options.no_limits, limits::Arithmetic::int8) {}

  Status run() {
    if (tests_.empty()) return invalid_argument("nothing to measure: -p and -n are 0");
    IX_ASSIGN_OR_RETURN(const backend::cpu::Isa isa, backend::cpu::choose_isa(options_.isa));
    isa_ = backend::cpu::to_string(isa);
    for (const std::string& path : options_.models) {
      IX_ASSIGN_OR_RETURN(const auto model, LoadedModel::load(path, options_, tests_));
      for (const ModelTest& test : tests_) {
        ++number_;
        IX_ASSIGN_OR_RETURN(const ModelResult result, measure(*model, test));
        line_.clear();
        print(path, *model, result);
      }
    }
    output_.finish();
    return ok_status();
  }

 private:
  void show(const ModelTest& test, std::string_view what) {
    line_.show(fmt::format("{} of {}: {}, {} threads: {}", number_,
                           tests_.size() * options_.models.size(), test.name(), test.threads,
                           what));
  }

  Result<ModelResult> measure(LoadedModel& model, const ModelTest& test) {
    IX_RETURN_IF_ERROR(model.open_executor(executor_options(tests_, test)));
    backend::Executor& executor = model.executor();
    IX_ASSIGN_OR_RETURN(const CostModel cost,
                        CostModel::create(model.decoder(), model.file(), executor.kv()));
    Streams streams(executor, model.decoder().vocab_size, test.parallel, test.length());
    if (test.depth > 0) show(test, "filling the cache");
    IX_RETURN_IF_ERROR(fill_depth(test, streams));
    show(test, "the machine's limits");
    limits_.before(test.threads);
    if (!options_.no_warmup) {
      show(test, "warm-up");
      IX_RETURN_IF_ERROR(run_once(test, streams, true));
    }
    ModelResult result{
        .test = test, .samples = {}, .read = {}, .cost = cost_of(test, cost), .limits = {}};
    std::unique_ptr<ReadingTurns> reading;
    if (options_.by_turns && test.generate > 0) {
      IX_ASSIGN_OR_RETURN(reading, ReadingTurns::start(test.threads));
    }
    for (int i = 0; i < options_.repetitions; ++i) {
      show(test, fmt::format("repetition {} of {}", i + 1, options_.repetitions));
      if (reading) {
        IX_RETURN_IF_ERROR(run_by_turns(cost, streams, reading->reader(), result));
        continue;
      }
      const auto begin = Clock::now();
      IX_RETURN_IF_ERROR(run_once(test, streams, false));
      result.samples.ns.push_back(
          std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
    }
    show(test, "the machine's limits");
    result.limits = limits_.after(test.threads);
    return result;
  }

  void print(const std::string& path, const LoadedModel& model, const ModelResult& result) {
    const ModelTest& test = result.test;
    const ModelDescription description = describe(model.file());
    const double bytes = result.bytes_per_second();
    const double ops = result.ops_per_second();
    std::vector<std::string> cells = {description.name,
                                      size_in_words(description.bytes),
                                      parameters_in_words(description.parameters),
                                      fmt::format("cpu {}", isa_),
                                      fmt::format("{}", test.threads),
                                      test.name(),
                                      mean_cell(result.tokens_per_second()),
                                      fmt::format("{:.1f}", bytes / 1e9),
                                      share_cell(bytes, result.limits.read_bytes),
                                      fmt::format("{:.1f}", ops / 1e9),
                                      share_cell(ops, result.limits.ops)};
    if (options_.by_turns) {
      cells.push_back(share_cell(result.share_of_read(), result.read.ns.empty() ? 0 : 1));
    }
    output_.add(cells, fields(path, model, description, result));
  }

  // llama-bench's names first, then what it has not.
  Json fields(const std::string& path, const LoadedModel& model,
              const ModelDescription& description, const ModelResult& result) const {
    const ModelTest& test = result.test;
    Json out = fields_of_run();
    out["backends"] = "CPU";
    out["model_filename"] = path;
    out["model_type"] = description.name;
    out["model_size"] = description.bytes;
    out["model_n_params"] = description.parameters;
    out["n_batch"] = test.batch;
    out["n_ubatch"] = test.batch;
    out["n_threads"] = test.threads;
    out["type_k"] = "f16";
    out["type_v"] = "f16";
    out["n_prompt"] = test.prompt;
    out["n_gen"] = test.generate;
    out["n_depth"] = test.depth;
    add_times(out, result.samples);
    const Mean speed = result.tokens_per_second();
    out["avg_ts"] = speed.average;
    out["stddev_ts"] = speed.deviation;
    out["samples_ts"] = result.samples.rates(static_cast<double>(test.tokens()));
    out["n_parallel"] = test.parallel;
    out["test"] = test.name();
    out["isa"] = isa_;
    out["weight_bytes"] = result.cost.weight_bytes;
    out["kv_bytes"] = result.cost.kv_bytes;
    out["linear_ops"] = result.cost.linear_ops;
    out["attention_ops"] = result.cost.attention_ops;
    out["avg_gbs"] = result.bytes_per_second() / 1e9;
    out["avg_gops"] = result.ops_per_second() / 1e9;
    add_shares(out, result.limits, result.ops_per_second(), result.bytes_per_second());
    const double read = result.read_per_second();
    out["turns_read_gbs"] = read > 0 ? Json(read / 1e9) : Json();
    out["share_turns_read"] = read > 0 ? Json(result.share_of_read()) : Json();
    out["load_ms"] = model.load_ms();
    out["peak_rss_bytes"] = peak_resident_bytes();
    return out;
  }

  const ModelBenchOptions& options_;
  std::vector<ModelTest> tests_;
  BenchOutput output_;
  LimitTracker limits_;
  StatusLine line_;
  std::string isa_;
  size_t number_ = 0;  // of the test that runs
};

}  // namespace

Status run_model_bench(const ModelBenchOptions& options) { return ModelBench(options).run(); }

}  // namespace ix::cli
