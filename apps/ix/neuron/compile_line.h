// How far the compiler is, on a terminal.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "backend/neuron/compiler/neuronx_cc.h"
#include "interrupt.h"
#include "progress.h"

namespace ix::cli {

// "compiling 2 of 6: decode_1x4224_layers32 12:03, ...". Any number of threads may report.
class CompileLine {
 public:
  explicit CompileLine(size_t programs) : programs_(programs) {}

  void update(const backend::neuron::CompileProgress& progress);

 private:
  const size_t programs_;
  std::mutex mutex_;
  StatusLine line_;
  std::map<std::string, std::chrono::seconds> compiling_;
};

// Options of a compiler that Ctrl-C ends and that reports to the line. Both outlive it.
backend::neuron::CompilerOptions interruptible(CompileLine& line, const InterruptGuard& guard);

}  // namespace ix::cli
