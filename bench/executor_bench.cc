// Prefill and decode speed of the CPU backend, straight through the Executor.
//
//   executor_bench MODEL [-p 512] [-n 128] [-t 2] [-r 3] [-d 0]
//
// -p tokens of a prompt in one step, -n single-token steps after it, -t threads, -r repetitions
// (the best is printed), -d positions that are in the cache before decoding begins (0: none).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "backend/cpu/cpu_executor.h"
#include "base/host_limits.h"
#include "gguf/gguf_file.h"
#include "model/model.h"

namespace {

using ix::Position;
using ix::TokenId;
namespace backend = ix::backend;

struct Arguments {
  std::string model;
  int prompt = 512;
  int decode = 128;
  int threads = 2;
  int repetitions = 3;
  int depth = 0;
};

// One sequence whose block i lies in pool block i of every group.
class Sequence {
 public:
  Sequence(backend::Executor& executor, int64_t vocab) : executor_(executor), vocab_(vocab) {
    const backend::KvInfo& kv = executor.kv();
    for (const backend::KvGroupInfo& group : kv.groups) {
      std::vector<backend::BlockId> table(4096);
      for (size_t i = 0; i < table.size(); ++i) {
        table[i] = static_cast<backend::BlockId>(i) % group.blocks;
      }
      tables_.push_back(std::move(table));
    }
    for (const auto& table : tables_) spans_.emplace_back(table);
  }

  // Seconds that rows at start, start + 1, … took; the last row wants its best token.
  double step(Position start, int rows) {
    std::vector<TokenId> tokens;
    for (int i = 0; i < rows; ++i) {
      tokens.push_back(static_cast<TokenId>((start + i) * 7919LL % vocab_));
    }
    std::vector<backend::RowWant> wants(static_cast<size_t>(rows));
    wants.back().kind = backend::Want::argmax;
    const backend::SequenceRows sequence{
        .first_row = 0, .rows = rows, .start = start, .block_tables = spans_};
    const auto begin = std::chrono::steady_clock::now();
    const auto ticket =
        executor_.submit({.tokens = tokens, .sequences = {&sequence, 1}, .wants = wants});
    if (!ticket.ok()) die(ticket.status());
    const auto output = executor_.wait(*ticket, backend::kNoDeadline);
    if (!output.ok()) die(output.status());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  [[noreturn]] static void die(const ix::Status& status) {
    fmt::print(stderr, "executor_bench: {}\n", status.message());
    std::exit(1);
  }

 private:
  backend::Executor& executor_;
  int64_t vocab_;
  std::vector<std::vector<backend::BlockId>> tables_;
  std::vector<std::span<const backend::BlockId>> spans_;
};

double mib(double bytes) { return bytes / (1024.0 * 1024.0); }

void run(const Arguments& arguments) {
  const auto file = ix::gguf::GgufFile::open(arguments.model);
  if (!file.ok()) Sequence::die(file.status());
  const auto decoder = ix::model::build_decoder(**file, {.context_length = 8192});
  if (!decoder.ok()) Sequence::die(decoder.status());
  const backend::ExecutorOptions options{.threads = arguments.threads};
  const auto begin = std::chrono::steady_clock::now();
  auto model = backend::cpu::load_model(*decoder, **file, options, {});
  if (!model.ok()) Sequence::die(model.status());
  const std::chrono::duration<double> load = std::chrono::steady_clock::now() - begin;
  auto executor = backend::cpu::open_cpu(*model, options);
  if (!executor.ok()) Sequence::die(executor.status());
  fmt::print("{}; loaded in {:.2f} s; file {:.0f} MiB, peak after load {:.0f} MiB\n",
             (*executor)->description(), load.count(),
             mib(static_cast<double>((*file)->size_bytes())),
             mib(static_cast<double>(ix::peak_resident_bytes())));

  Sequence sequence(**executor, decoder->vocab_size);
  double best_prompt = 1e30;
  double best_decode = 1e30;
  for (int r = 0; r < arguments.repetitions; ++r) {
    if (arguments.prompt > 0) {
      best_prompt = std::min(best_prompt, sequence.step(0, arguments.prompt));
    }
    for (int done = 0; done < arguments.depth; done += 512) {
      sequence.step(done, std::min(512, arguments.depth - done));
    }
    double seconds = 0;
    for (int i = 0; i < arguments.decode; ++i) seconds += sequence.step(arguments.depth + i, 1);
    best_decode = std::min(best_decode, seconds);
  }
  fmt::print("pp{} {:.1f} tokens/s; tg{} {:.1f} tokens/s; peak {:.0f} MiB\n", arguments.prompt,
             arguments.prompt / best_prompt, arguments.decode, arguments.decode / best_decode,
             mib(static_cast<double>(ix::peak_resident_bytes())));
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (argc < 2 || argc % 2 != 0) {
    fmt::print(stderr, "usage: executor_bench MODEL [-p N] [-n N] [-t N] [-r N] [-d N]\n");
    return 2;
  }
  arguments.model = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const int value = std::atoi(argv[i + 1]);
    if (flag == "-p") arguments.prompt = value;
    if (flag == "-n") arguments.decode = value;
    if (flag == "-t") arguments.threads = value;
    if (flag == "-r") arguments.repetitions = value;
    if (flag == "-d") arguments.depth = value;
  }
  run(arguments);
  return 0;
}
