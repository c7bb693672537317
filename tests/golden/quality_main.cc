// Perplexity of a backend and, with --precise, its divergence and llama.cpp's from float32.
//
//   quality MODEL.gguf FILE.kld [--precise] [--chunks N] [--no-pack]      tokens and rows from
//   llama-perplexity quality MODEL.gguf --tokens FILE.json                      perplexity alone;
//   [[ids of a chunk]...]
//   ... --plugin PLUGIN.so [--weights FORM] [--tp N]                         through XLA, not the
//   CPU
//
// Scores the second half of each chunk, as llama-perplexity does. Prints one JSON object.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/cpu/cpu_executor.h"
#include "backend/reference/reference_executor.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "backend/xla/static_executor.h"
#include "backend/xla/weights/weight_form.h"
#include "base/thread_pool.h"
#include "gguf/gguf_file.h"
#include "golden/log_probability_file.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace ix::golden {
namespace {

constexpr int kRowsAStep = 64;  // bounds the logits that are held at once

// Runs one chunk from an empty cache and calls visit(position, logits) for scored positions.
class ChunkRunner {
 public:
  ChunkRunner(backend::Executor& executor, int context)
      : executor_(executor), context_(context), tables_(executor.kv().groups.size()) {
    const int blocks =
        (context + executor.kv().tokens_per_block - 1) / executor.kv().tokens_per_block;
    for (auto& table : tables_) {
      for (int i = 0; i < blocks; ++i) table.push_back(i);
      spans_.emplace_back(table);
    }
  }

  template <typename Visit>
  Status run(std::span<const TokenId> tokens, Visit visit) {
    for (int start = 0; start < context_ - 1; start += kRowsAStep) {
      const int rows = std::min(kRowsAStep, context_ - 1 - start);
      std::vector<backend::RowWant> wants(static_cast<size_t>(rows));
      for (int i = 0; i < rows; ++i) {
        if (start + i >= context_ / 2) wants[static_cast<size_t>(i)].kind = backend::Want::logits;
      }
      const backend::SequenceRows sequence{0, rows, start, spans_};
      IX_ASSIGN_OR_RETURN(
          const backend::Ticket ticket,
          executor_.submit({tokens.subspan(static_cast<size_t>(start), static_cast<size_t>(rows)),
                            {&sequence, 1},
                            wants}));
      IX_ASSIGN_OR_RETURN(const backend::StepOutput output,
                          executor_.wait(ticket, backend::kNoDeadline));
      for (const backend::RowResult& row : output.rows) visit(start + row.row, row.logits);
    }
    return ok_status();
  }

 private:
  backend::Executor& executor_;
  int context_;
  std::vector<std::vector<backend::BlockId>> tables_;
  std::vector<std::span<const backend::BlockId>> spans_;
};

double divergence(std::span<const float> p, std::span<const float> q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    sum += std::exp(static_cast<double>(p[i])) * (static_cast<double>(p[i]) - q[i]);
  }
  return sum;
}

struct Totals {
  int64_t positions = 0;
  double nll = 0, nll_precise = 0, nll_peer = 0;
  double kl = 0, kl_peer = 0;
  double kl_apart = 0;  // from llama.cpp to the backend
};

struct Arguments {
  std::string model, base, tokens;
  bool precise = false;
  std::string plugin;  // of PJRT
  std::string weights = "bf16";
  int ranks = 1;
  bool pack = true;
  int chunks = 1 << 30;
};

// Stays where it is: executors refer to the decoder.
struct Opened {
  std::unique_ptr<gguf::GgufFile> file;
  graph::Decoder decoder;
  std::unique_ptr<backend::Executor> tested, precise;
};

Result<std::unique_ptr<backend::Executor>> open_on_cpu(const Arguments& args, const Opened& opened,
                                                       const backend::ExecutorOptions& options) {
  backend::cpu::CpuOptions cpu_options;
  cpu_options.pack = args.pack;
  IX_ASSIGN_OR_RETURN(auto packed,
                      backend::cpu::load_model(opened.decoder, *opened.file, options, cpu_options));
  return backend::cpu::open_cpu(std::move(packed), options);
}

Result<std::unique_ptr<backend::Executor>> open_on_plugin(const Arguments& args,
                                                          const Opened& opened,
                                                          const backend::ExecutorOptions& options) {
  namespace xla = backend::xla;
  const auto form = xla::parse_weight_form(args.weights);
  if (!form) return invalid_argument("--weights " + args.weights);
  xla::XlaOptions xla_options{.programs = {.chunk = kRowsAStep, .head_rows = kRowsAStep}};
  xla_options.weights.form = *form;
  IX_ASSIGN_OR_RETURN(auto runtime,
                      xla::pjrt::PjrtRuntime::open({.plugin = args.plugin, .devices = args.ranks}));
  IX_ASSIGN_OR_RETURN(auto model, xla::XlaModel::load(opened.decoder, *opened.file,
                                                      std::move(runtime), xla_options));
  return xla::open_static(std::move(model), options);
}

Result<std::unique_ptr<Opened>> open(const Arguments& args, int context) {
  auto result = std::make_unique<Opened>();
  Opened& opened = *result;
  IX_ASSIGN_OR_RETURN(opened.file, gguf::GgufFile::open(args.model));
  IX_ASSIGN_OR_RETURN(opened.decoder, model::build_decoder(*opened.file, {context}));
  backend::ExecutorOptions options;
  options.max_rows = kRowsAStep;
  options.kv_tokens = context;
  options.threads = default_threads();
  IX_ASSIGN_OR_RETURN(opened.tested, args.plugin.empty() ? open_on_cpu(args, opened, options)
                                                         : open_on_plugin(args, opened, options));
  if (args.precise) {
    IX_ASSIGN_OR_RETURN(opened.precise,
                        backend::open_reference(opened.decoder, *opened.file, options));
  }
  return result;
}

// Where every engine's windowed pools are smaller than a chunk, identity tables do not fit.
Status check_pools(const backend::Executor& executor, int context) {
  for (const auto& group : executor.kv().groups) {
    if (group.blocks * executor.kv().tokens_per_block < context) {
      return unsupported("the pool of a windowed group is smaller than a chunk");
    }
  }
  return ok_status();
}

Status score(const Arguments& args, Totals& totals) {
  std::vector<std::vector<TokenId>> chunks;
  std::unique_ptr<LogProbabilityFile> base;
  if (!args.base.empty()) {
    IX_ASSIGN_OR_RETURN(auto opened, LogProbabilityFile::open(args.base));
    base = std::make_unique<LogProbabilityFile>(std::move(opened));
    for (int i = 0; i < base->chunks(); ++i) {
      const auto tokens = base->chunk_tokens(i);
      chunks.emplace_back(tokens.begin(), tokens.end());
    }
  } else {
    chunks = nlohmann::json::parse(std::ifstream(args.tokens)).get<decltype(chunks)>();
  }
  const int context = static_cast<int>(chunks.at(0).size());
  IX_ASSIGN_OR_RETURN(const std::unique_ptr<Opened> owned, open(args, context));
  Opened& opened = *owned;
  IX_ASSIGN_OR_RETURN(const auto tokenizer, tokenizer::Tokenizer::create(opened.file->metadata()));
  IX_RETURN_IF_ERROR(check_pools(*opened.tested, context));
  const auto vocab = static_cast<size_t>(opened.decoder.vocab_size);
  ChunkRunner tested(*opened.tested, context);
  std::unique_ptr<ChunkRunner> precise;
  if (opened.precise) precise = std::make_unique<ChunkRunner>(*opened.precise, context);

  const auto scored = static_cast<size_t>(context - 1 - context / 2);
  std::vector<float> p(scored * vocab);
  std::vector<float> q(vocab);
  std::vector<float> peer(base ? vocab : 0);
  const auto count = std::min<size_t>(chunks.size(), static_cast<size_t>(args.chunks));
  for (size_t c = 0; c < count; ++c) {
    std::vector<TokenId>& tokens = chunks[c];
    std::vector<TokenId> targets = tokens;
    if (tokenizer->adds_bos()) tokens[0] = tokenizer->bos();
    const auto target = [&](int position) {
      return static_cast<size_t>(targets[static_cast<size_t>(position) + 1]);
    };
    const auto row_of = [&](int position) {
      return std::span(p).subspan(static_cast<size_t>(position - context / 2) * vocab, vocab);
    };
    if (precise) {
      IX_RETURN_IF_ERROR(precise->run(tokens, [&](int position, std::span<const float> logits) {
        log_probabilities(logits, row_of(position));
        totals.nll_precise -= row_of(position)[target(position)];
      }));
    }
    Status read;
    IX_RETURN_IF_ERROR(tested.run(tokens, [&](int position, std::span<const float> logits) {
      log_probabilities(logits, q);
      totals.nll -= q[target(position)];
      ++totals.positions;
      // As llama.cpp stores its own, where they are compared.
      if (base) rounded_log_probabilities(logits, q);
      if (precise) totals.kl += divergence(row_of(position), q);
      if (!base) return;
      if (read.ok()) read = base->next_row(peer);
      totals.nll_peer -= peer[target(position)];
      totals.kl_apart += divergence(peer, q);
      if (precise) totals.kl_peer += divergence(row_of(position), peer);
    }));
    IX_RETURN_IF_ERROR(read);
    std::fprintf(stderr, "chunk %zu of %zu: perplexity so far %.6f\n", c + 1, count,
                 std::exp(totals.nll / static_cast<double>(totals.positions)));
  }
  return ok_status();
}

int main(int argc, char** argv) {
  Arguments args;
  std::vector<std::string> words(argv + 1, argv + argc);
  for (size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size();
    if (words[i] == "--precise") {
      args.precise = true;
    } else if (words[i] == "--no-pack") {
      args.pack = false;
    } else if (words[i] == "--chunks" && has_value) {
      args.chunks = std::stoi(words[++i]);
    } else if (words[i] == "--plugin" && has_value) {
      args.plugin = words[++i];
    } else if (words[i] == "--weights" && has_value) {
      args.weights = words[++i];
    } else if (words[i] == "--tp" && has_value) {
      args.ranks = std::stoi(words[++i]);
    } else if (words[i] == "--tokens" && has_value) {
      args.tokens = words[++i];
    } else {
      (args.model.empty() ? args.model : args.base) = words[i];
    }
  }
  Totals totals;
  if (const Status status = score(args, totals); !status.ok()) {
    std::fprintf(stderr, "quality: %s\n", status.message().c_str());
    return 1;
  }
  const auto n = static_cast<double>(totals.positions);
  nlohmann::ordered_json out = {{"positions", totals.positions},
                                {"perplexity", std::exp(totals.nll / n)}};
  if (!args.base.empty()) {
    out["perplexity_llama_cpp_rounded_to_16_bits"] = std::exp(totals.nll_peer / n);
    out["mean_kl_llama_cpp_to_it"] = totals.kl_apart / n;
  }
  if (args.precise) {
    out["perplexity_float32"] = std::exp(totals.nll_precise / n);
    out["mean_kl"] = totals.kl / n;
    if (!args.base.empty()) out["mean_kl_llama_cpp"] = totals.kl_peer / n;
  }
  std::printf("%s\n", out.dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace ix::golden

int main(int argc, char** argv) { return ix::golden::main(argc, argv); }
