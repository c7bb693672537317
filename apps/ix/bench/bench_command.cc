#include "bench/bench_command.h"

#include <memory>
#include <string>
#include <vector>

#include "bench/gemm_bench.h"
#include "bench/model_bench.h"
#include "option_checks.h"
#include "terminal.h"

namespace ix::cli {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 30;

// A flag that takes a comma list and may be repeated.
struct ListFlag {
  std::vector<std::string> texts;

  Flag add(const Command& command, const std::string& names, const std::string& help) {
    return command.option(names, texts, help).repeatable();
  }
  void add_numbers(const Command& command, const std::string& names, const std::string& flag,
                   int64_t low, int64_t high, const std::string& allowed, const std::string& help) {
    add(command, names, help).check(whole_numbers(flag, low, high, allowed));
  }
  // What was given replaces the default.
  void read(std::vector<int64_t>& numbers) const {
    if (!texts.empty()) numbers = parse_whole_numbers(texts);
  }
  void read(std::vector<std::string>& words) const {
    if (!texts.empty()) words = split_lists(texts);
  }
};

// What both benchmarks take.
struct CommonFlags {
  ListFlag threads;
  int repetitions = 5;
  std::string output = "md";
  bool no_limits = false;

  void add(const Command& command) {
    threads.add_numbers(command, "-t,--threads", "-t", 1, 4096, "numbers from 1 to 4096",
                        "Threads; default: what the machine allows");
    command.option("-r,--repetitions", repetitions, "Times that each test is repeated")
        .check(whole_number("-r", 1, 1'000'000, "from 1 to 1000000"))
        .show_default();
    command.option("-o,--output", output, "md (a table), csv or json")
        .check([](const std::string& text) -> std::string {
          if (text == "md" || text == "csv" || text == "json") return {};
          return "-o is '" + text + "', but must be md, csv or json";
        })
        .show_default();
    command.flag("--no-limits", no_limits, "Do not measure the machine's limits: no shares");
  }

  OutputFormat format() const {
    if (output == "csv") return OutputFormat::csv;
    return output == "json" ? OutputFormat::json : OutputFormat::markdown;
  }
};

struct ModelFlags {
  CommonFlags common;
  ListFlag models, prompt, generate, depth, parallel, batch;
  ModelBenchOptions options;

  void add(const Command& command) {
    models.add(command, "-m,--model", "Model, a GGUF file; may be repeated");
    prompt.add_numbers(command, "-p,--n-prompt", "-p", 0, kMostTokens, "numbers of 0 or more",
                       "Tokens of a prompt; 0 = none; default: 512");
    generate.add_numbers(command, "-n,--n-gen", "-n", 0, kMostTokens, "numbers of 0 or more",
                         "Tokens decoded in each stream; 0 = none; default: 128");
    depth.add_numbers(command, "-d,--n-depth", "-d", 0, kMostTokens, "numbers of 0 or more",
                      "Tokens in the KV cache before a test; default: 0");
    parallel.add_numbers(command, "--n-parallel", "-npl", 1, 4096, "numbers from 1 to 4096",
                         "Streams that decode together (also -npl); default: 1");
    batch.add_numbers(command, "-b,--batch-size", "-b", 1, 65536, "numbers from 1 to 65536",
                      "Most tokens in one step; default: 512");
    common.add(command);
    command.option("--isa", options.isa, "Instruction set to use instead of the best one");
    command.flag("--no-pack", options.no_pack, "Do not repack weights (slow)");
    command.flag("--no-warmup", options.no_warmup, "Do not run each test once before");
    command.flag("--by-turns", options.by_turns,
                 "Decode by turns with reading as many bytes in order, and compare");
  }

  int run() {
    models.read(options.models);
    prompt.read(options.prompt);
    generate.read(options.generate);
    depth.read(options.depth);
    parallel.read(options.parallel);
    batch.read(options.batch);
    common.threads.read(options.threads);
    options.repetitions = common.repetitions;
    options.format = common.format();
    options.no_limits = common.no_limits;
    if (options.models.empty()) {
      return report_failure(invalid_argument("give a model: -m FILE.gguf"));
    }
    const Status status = run_model_bench(options);
    return status.ok() ? kExitOk : report_failure(status);
  }
};

struct GemmFlags {
  CommonFlags common;
  ListFlag m, n, k, types, isas;
  int64_t working_set_mb = -1;  // not given
  GemmBenchOptions options;

  void add(const Command& command) {
    const auto size = [&](ListFlag& list, const std::string& flag, int64_t most,
                          const std::string& help) {
      list.add_numbers(command, flag, flag, 1, most, "numbers from 1 to " + std::to_string(most),
                       help);
    };
    size(m, "-M", 1 << 20, "Rows of the weights; default: 4096");
    size(n, "-N", 1 << 16, "Columns, rows of activations; default: 1,4,8,16,32,512");
    size(k, "-K", 1 << 20, "Columns of the weights; default: 4096");
    command.flag("--exact", options.exact,
                 "Multiply Q4_K by FP16 to FP32, as the C API's exact mode does");
    types.add(command, "--type", "Types of the weights, such as q4_K,q6_K; default: all");
    isas.add(command, "--isa", "Instruction sets, or all; default: the best one");
    command
        .option("--working-set", working_set_mb,
                "MB of copies of the weights that are taken in turn; 0 = one copy; default: four\n"
                "times the last level cache")
        .check(whole_number("--working-set", 0, 1'000'000, "from 0 (one copy) to 1000000"));
    common.add(command);
  }

  int run() {
    m.read(options.m);
    n.read(options.n);
    k.read(options.k);
    types.read(options.types);
    isas.read(options.isas);
    if (working_set_mb >= 0) options.working_set = working_set_mb * 1'000'000;
    common.threads.read(options.threads);
    options.repetitions = common.repetitions;
    options.format = common.format();
    options.no_limits = common.no_limits;
    const Status status = run_gemm_bench(options);
    return status.ok() ? kExitOk : report_failure(status);
  }
};

}  // namespace

void add_bench_command(const Command& app) {
  auto model = std::make_shared<ModelFlags>();
  auto gemm = std::make_shared<GemmFlags>();
  const Command command = app.add_command("bench", "Measure the speed of a model, or of products");
  model->add(command);
  command.footer(
      "Flags that take numbers take lists (-p 128,512) and make a test of each; -n and -npl make "
      "one\n"
      "of each pair. pp512 is a prompt of 512 tokens, tg128 decodes 128, tg128 x8 in each of "
      "eight\n"
      "streams together, @ d4096 with 4096 tokens in the cache before. t/s is the average and the\n"
      "standard deviation over all streams. GB/s counts every tensor and every visible key and "
      "value\n"
      "once a step, GOPS two for each multiply-add with weights; the shares are of what this "
      "machine\n"
      "is found to do at most just before and after. docs/performance.md says more.\n"
      "\nExamples:\n"
      "  ix bench -m model.gguf\n"
      "  ix bench -m model.gguf -p 0 -n 128 -npl 1,2,4,8 -t 2\n"
      "  ix bench -m model.gguf -p 0 -n 64 -d 4096 -o json\n"
      "  ix bench gemm --type q4_K -N 1,512");
  const Command products = command.add_command("gemm", "Measure matrix products, without a model");
  gemm->add(products);
  products.footer(
      "Products of packed weights [M, K] with N rows of 8-bit activations, for each type,\n"
      "instruction set and shape. The weights are taken in turn from copies that no cache holds.\n"
      "GB/s counts packed bytes.\n"
      "With --exact the weights are Q4_K, read as blocks and as halves that were dequantised\n"
      "before, and columns are FP16; % fp32 is of the machine's fused multiply-adds.\n"
      "\nExamples:\n"
      "  ix bench gemm\n"
      "  ix bench gemm --type q4_K,q6_K --isa all -M 4096,11008 -K 4096 -N 1,8,512 -t 2\n"
      "  ix bench gemm --type q4_K -N 1 -o json\n"
      "  ix bench gemm --exact -M 4096 -N 512 -K 4096 -t 1,2");
  products.action([gemm] { return gemm->run(); });
  command.action([model] { return model->run(); });
}

}  // namespace ix::cli
