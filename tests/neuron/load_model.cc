// Loads a model as `ix run --device neuron` does, without running it, and says what it took.
//
//   ix_load_model MODEL RANKS FORM LAYERS_PER_PROGRAM CONTEXT
//
// One JSON object on stdout. The process may have 1 GB of private writable memory (RLIMIT_DATA).
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "backend/neuron/neuron_runtime.h"
#include "backend/xla/static_executor.h"
#include "gguf/gguf_file.h"
#include "model/model.h"

namespace ix::backend::neuron {
namespace {

using Clock = std::chrono::steady_clock;

// The most resident anonymous memory that was seen, looked at every millisecond.
class AnonymousMemory {
 public:
  AnonymousMemory()
      : thread_([this] {
          while (!ended_) {
            most_ = std::max(most_, now());
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}
  AnonymousMemory(const AnonymousMemory&) = delete;
  AnonymousMemory& operator=(const AnonymousMemory&) = delete;
  ~AnonymousMemory() { most(); }

  // Ends the looking. Bytes.
  int64_t most() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
    return most_;
  }

 private:
  static int64_t now() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("RssAnon:")) return std::atoll(line.c_str() + 8) * 1024;
    }
    return 0;
  }

  std::atomic<bool> ended_ = false;
  int64_t most_ = 0;
  std::thread thread_;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Status load(char** arguments) {
  AnonymousMemory memory;
  IX_ASSIGN_OR_RETURN(const auto file, gguf::GgufFile::open(arguments[1]));
  const int64_t context = std::atoll(arguments[5]);
  IX_ASSIGN_OR_RETURN(const graph::Decoder decoder,
                      model::build_decoder(*file, {.context_length = context}));
  NeuronOptions neuron;
  neuron.ranks = std::atoi(arguments[2]);
  IX_ASSIGN_OR_RETURN(auto runtime, NeuronRuntime::open(neuron));
  xla::XlaOptions options;
  options.weights.form = xla::parse_weight_form(arguments[3]).value();
  options.programs.layers_per_program = std::atoi(arguments[4]);
  options.load_ahead = true;

  const auto begin = Clock::now();
  IX_ASSIGN_OR_RETURN(auto model, xla::XlaModel::load(decoder, *file, std::move(runtime), options));
  const double weights_seconds = seconds_since(begin);
  const int64_t weight_bytes = model->weights().bytes();
  const int ranks = model->plan().ranks;
  IX_ASSIGN_OR_RETURN(const auto executor, xla::open_static(model, {.kv_tokens = context}));
  fmt::print(
      "{{\"weight_bytes\": {}, \"ranks\": {}, \"kv_bytes_per_token\": {}, "
      "\"weights_seconds\": {:.2f}, \"seconds\": {:.2f}, \"most_anonymous_bytes\": {}}}\n",
      weight_bytes, ranks, executor->kv().bytes_per_token, weights_seconds, seconds_since(begin),
      memory.most());
  return ok_status();
}

int run(int argc, char** argv) {
  if (argc != 6) return 2;
  const rlimit limit{1'000'000'000, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return 2;
  const Status status = load(argv);
  if (status.ok()) return 0;
  fmt::print(stderr, "{}\n", status.message());
  return 1;
}

}  // namespace
}  // namespace ix::backend::neuron

int main(int argc, char** argv) { return ix::backend::neuron::run(argc, argv); }
