#include "synth_command.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interrupt.h"
#include "option_checks.h"
#include "progress.h"
#include "synth/synth_file.h"
#include "synth/tensor_list.h"
#include "terminal.h"

namespace ix::cli {
namespace {

constexpr double kGigabyte = 1e9;

struct SynthCommandOptions {
  std::string shape;
  std::string out;
  bool list = false;
  bool force = false;
  int64_t seed = 0;
  bool sparse = false;
  std::vector<std::string> fill;
  // In place of the shape's own numbers; 0 = not given.
  int64_t layers = 0;
  int64_t width = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t ffn = 0;
  int64_t vocab = 0;
  int64_t context = 0;
};

struct Totals {
  int64_t weights = 0;
  int64_t bytes = 0;  // of tensors
  size_t tensors = 0;
};

Totals totals_of(const synth::Shape& shape) {
  Totals totals;
  for (const synth::SynthTensor& tensor : synth::list_tensors(shape)) {
    totals.weights += tensor.elements();
    totals.bytes += tensor.bytes();
    ++totals.tensors;
  }
  return totals;
}

int list_shapes() {
  std::string out = fmt::format("{:<16}{:<8}{:>7}{:>7}{:>7}{:>10}{:>10}{:>7}{:>8}{:>9}{:>9}{:>8}\n",
                                "shape", "arch", "layers", "width", "heads", "kv-heads", "head-dim",
                                "ffn", "vocab", "context", "weights", "size");
  for (const synth::Shape& shape : synth::named_shapes()) {
    const Totals totals = totals_of(shape);
    fmt::format_to(std::back_inserter(out),
                   "{:<16}{:<8}{:>7}{:>7}{:>7}{:>10}{:>10}{:>7}{:>8}{:>9}{:>7.2f} B{:>5.1f} GB\n",
                   shape.name, shape.architecture, shape.layers, shape.width, shape.heads,
                   shape.kv_heads, shape.head_dim, shape.ffn_width, shape.vocab_size,
                   shape.context_length, static_cast<double>(totals.weights) / kGigabyte,
                   static_cast<double>(totals.bytes) / kGigabyte);
  }
  print_text(out);
  return kExitOk;
}

// The named shape with the numbers that were given.
Result<synth::Shape> shape_of(const SynthCommandOptions& options) {
  auto found = synth::find_shape(options.shape);
  // A name that is none is a wrong command line, not a missing file.
  if (!found.ok()) return invalid_argument(found.status().message());
  synth::Shape shape = *std::move(found);
  const auto take = [](int64_t given, int64_t& number) {
    if (given != 0) number = given;
  };
  take(options.layers, shape.layers);
  take(options.width, shape.width);
  take(options.heads, shape.heads);
  take(options.kv_heads, shape.kv_heads);
  take(options.head_dim, shape.head_dim);
  take(options.ffn, shape.ffn_width);
  take(options.vocab, shape.vocab_size);
  take(options.context, shape.context_length);
  return shape;
}

Status check_usage(const SynthCommandOptions& options) {
  if (options.shape.empty()) {
    return invalid_argument(
        "give a shape: ix synth SHAPE -o FILE.gguf; ix synth --list shows them");
  }
  if (options.out.empty()) return invalid_argument("give a file to write: -o FILE.gguf");
  if (!options.fill.empty() && !options.sparse) {
    return invalid_argument("--fill chooses tensors of a sparse file; give --sparse too");
  }
  std::error_code ignored;
  if (std::filesystem::exists(options.out, ignored) && !options.force) {
    return invalid_argument(fmt::format("{} is there already; --force replaces it", options.out));
  }
  return ok_status();
}

// "7b.gguf: 6.74 B weights, 291 tensors, 4.1 GB (2.3 MB on the disk)"
std::string summary(const SynthCommandOptions& options, const synth::Shape& shape) {
  const Totals totals = totals_of(shape);
  std::string out = fmt::format("{}: {:.3f} B weights, {} tensors, {:.3f} GB", options.out,
                                static_cast<double>(totals.weights) / kGigabyte, totals.tensors,
                                static_cast<double>(totals.bytes) / kGigabyte);
  struct stat status {};
  if (options.sparse && ::stat(options.out.c_str(), &status) == 0) {
    constexpr double kBlock = 512;  // of st_blocks
    out += fmt::format(" ({:.1f} MB on the disk)",
                       static_cast<double>(status.st_blocks) * kBlock / 1e6);
  }
  return out + "\n";
}

int synthesize(const SynthCommandOptions& options) {
  if (options.list) return list_shapes();
  if (const Status status = check_usage(options); !status.ok()) return report_failure(status);
  const auto shape = shape_of(options);
  if (!shape.ok()) return report_failure(shape.status());
  const InterruptGuard interrupt;
  LoadingLine line("writing");
  const Status status = synth::write_synthetic(
      *shape, options.out,
      {.seed = static_cast<uint64_t>(options.seed), .sparse = options.sparse, .fill = options.fill},
      [&](int64_t done, int64_t total) {
        line.show(done, total);
        return !interrupt.pending();
      });
  if (status.code() == StatusCode::cancelled) return kExitInterrupt;
  if (!status.ok()) return report_failure(status);
  line.clear();
  print_text(summary(options, *shape));
  return kExitOk;
}

}  // namespace

void add_synth_command(const Command& app) {
  auto options = std::make_shared<SynthCommandOptions>();
  const Command command = app.add_command("synth", "Write a model file of random weights");
  command.option("shape", options->shape, "Shape of the model, see --list");
  command.option("-o,--output", options->out, "File to write");
  command.flag("--list", options->list, "List the shapes");
  command.flag("--force", options->force, "Replace a file that is there");
  command.option("-s,--seed", options->seed, "Seed; the same gives the same bytes anywhere")
      .check(whole_number("--seed", 0, std::numeric_limits<int64_t>::max(), "0 or more"))
      .show_default();
  command.flag("--sparse", options->sparse,
               "Leave matrices as holes: zeros that take no room on the disk");
  command
      .option("--fill", options->fill,
              "With --sparse: a tensor that gets weights, by name or pattern such as "
              "'blk.0.*'; may be repeated")
      .repeatable();
  const auto number = [&](const std::string& flag, int64_t& value, const std::string& help) {
    command.option(flag, value, help)
        .check(whole_number(flag, 1, std::numeric_limits<int32_t>::max(), "1 or more"))
        .group("In place of the shape's own");
  };
  number("--layers", options->layers, "Layers");
  number("--width", options->width, "Width of a token's state");
  number("--heads", options->heads, "Query heads");
  number("--kv-heads", options->kv_heads, "KV heads");
  number("--head-dim", options->head_dim, "Width of a head");
  number("--ffn", options->ffn, "Width of the feed-forward network");
  number("--vocab", options->vocab, "Tokens of the vocabulary");
  number("--context", options->context, "Context length that the file states");
  command.footer(
      "Weights are random, in the types of a Q4_K_M file: for speed and memory, not for text.\n"
      "Examples:\n"
      "  ix synth --list\n"
      "  ix synth llama-3.1-8b -o 8b.gguf\n"
      "  ix synth llama-2-7b -o small.gguf --layers 2 --vocab 4096 --context 512\n"
      "  ix synth llama-3.1-8b -o sparse.gguf --sparse --fill 'blk.0.*' --fill output.weight");
  command.action([options] { return synthesize(*options); });
}

}  // namespace ix::cli
