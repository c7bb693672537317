// ix_limits: what this machine can do at most, to measure our kernels against.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "limits/json.h"
#include "limits/machine_limits.h"

namespace {

void print_table(const ix::limits::MachineLimits& limits) {
  fmt::print("{} threads\n{:<14} {:<34} {:>10} {:>10}\n", limits.threads, "limit", "by", "best",
             "median");
  for (const ix::limits::ArithmeticLimit& limit : limits.arithmetic) {
    fmt::print("{:<14} {:<34} {:>10.1f} {:>10.1f}  GOPS\n", limit.name, limit.instruction,
               limit.ops_per_second.best / 1e9, limit.ops_per_second.median / 1e9);
  }
  fmt::print("{:<14} {:<34} {:>10.1f} {:>10.1f}  GB/s\n", "read",
             fmt::format("{} MiB in order", limits.read.buffer_bytes >> 20),
             limits.read.bytes_per_second.best / 1e9, limits.read.bytes_per_second.median / 1e9);
}

int run(int argc, char** argv) {
  CLI::App app("Measures this machine's limits: multiply-adds by instruction, and reading memory.");
  ix::limits::ProbeOptions options;
  bool json = false;
  app.add_option("-t,--threads", options.threads, "Threads")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_flag("--quick", options.quick, "Shorter, in about a second");
  app.add_flag("--json", json, "Print one JSON object");
  app.footer(
      "A multiplication and an addition are two operations. No kernel of ix runs.\n"
      "\nExamples:\n"
      "  ix_limits\n"
      "  ix_limits -t 1 --quick --json");
  CLI11_PARSE(app, argc, argv);
  const auto limits = ix::limits::probe_limits(options);
  if (!limits.ok()) {
    fmt::print(stderr, "ix_limits: {}\n", limits.status().message());
    return 1;
  }
  if (json) {
    std::puts(to_json(*limits).dump().c_str());
  } else {
    print_table(*limits);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "ix_limits: {}\n", e.what());
    return 1;
  }
}
