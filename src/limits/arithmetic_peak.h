// Multiply-adds a second of one instruction: loops without memory, with 12 or more independent
// accumulators, more than the latency of the instruction times its throughput on any CPU we know.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/thread_pool.h"
#include "limits/rate.h"

namespace ix::limits {

// What is multiplied: bytes into 32-bit sums, bfloat16 into float, float.
enum class Arithmetic : uint8_t { int8, bf16, fp32 };
std::string_view to_string(Arithmetic arithmetic);  // "int8"

struct PeakLoop {
  std::string_view name;         // "int8_vnni512"
  std::string_view instruction;  // "vpdpbusd zmm"
  Arithmetic arithmetic;
  int64_t ops_per_iteration;  // a multiplication and an addition are two
  bool (*runs_here)();
  void (*run)(int64_t iterations);
};

// Loops that this CPU can run, by arithmetic; empty where no loop is written for it.
std::span<const PeakLoop> runnable_loops();

// Operations a second of all threads of the pool together, over `passes` windows of `seconds`.
// A window counts what each thread got done in it, so a thread that starts late costs little.
Rate measure_peak(const PeakLoop& loop, ThreadPool& pool, int passes, double seconds);

}  // namespace ix::limits
