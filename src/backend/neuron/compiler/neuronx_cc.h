// neuronx-cc, the compiler of HLO for NeuronCores, run as a child process.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "backend/xla/runtime.h"
#include "base/result.h"

namespace ix::backend::neuron {

struct CompileProgress {
  enum class Stage : uint8_t {
    waiting,  // for memory on the host, or for another process that compiles the same program
    compiling,
    done,  // it ended, well or not
  };
  std::string program;  // the module's name
  Stage stage;
  std::chrono::seconds elapsed{0};  // in this stage
};

struct CompilerOptions {
  std::string path;  // empty: IX_NEURONX_CC, then neuronx-cc on PATH
  std::string target = "inf2";
  std::vector<std::string> extra_flags;
  std::chrono::seconds time_limit = std::chrono::hours(4);  // one program
  int max_parallel = 0;  // compilations at once; 0 = one every 16 GB of the host's free memory
  // Asked by compiling threads, many times a second; true ends what runs and cleans up. Empty =
  // never. This is how a program's Ctrl-C reaches the compiler.
  std::function<bool()> cancelled;
  std::function<void(const CompileProgress&)> progress;  // called by compiling threads
};

// The options of a compilation after the file's name; a part of the cache's key.
std::vector<std::string> compile_flags(const CompilerOptions& options, xla::ProgramKind kind);

// Threads: compile may be called from several at once.
class NeuronxCc {
 public:
  // not_found where there is no such program; it is run once, to ask its version.
  static Result<std::unique_ptr<NeuronxCc>> find(CompilerOptions options);

  // "2.21.18209.0+043b1bf7"
  const std::string& version() const { return version_; }

  // Compiles `hlo`, a serialised HloModuleProto, in an existing directory of its own, and leaves
  // model.neff, module.pb and the compiler's logs there (names in neff_cache.h).
  Status compile(const std::string& name, std::string_view hlo, xla::ProgramKind kind,
                 const std::string& directory);

 private:
  // One of the compilations that may run at once.
  class Turn;

  NeuronxCc(CompilerOptions options, std::string path, std::string version);
  void report(const std::string& program, CompileProgress::Stage stage,
              std::chrono::seconds elapsed) const;

  const CompilerOptions options_;
  const std::string path_;
  const std::string version_;
  std::mutex mutex_;
  std::condition_variable turn_ended_;
  int free_turns_;
};

}  // namespace ix::backend::neuron
