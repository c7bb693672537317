// The program `ix`: commands, one file each.
#include <stdlib.h>

#include <exception>
#include <new>
#include <string>
#include <vector>

#include "bench/bench_command.h"
#include "command_line.h"
#include "doctor/doctor_command.h"
#include "inspect_command.h"
#include "neuron/cache_command.h"
#include "neuron/compile_command.h"
#include "run_command.h"
#include "synth_command.h"
#include "terminal.h"
#include "tokenize_command.h"

int main(int argc, char** argv) {
  // XLA's plugins write what they do to stderr unless told otherwise; warnings stay.
  ::setenv("TF_CPP_MIN_LOG_LEVEL", "1", /*overwrite=*/0);
  try {
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return ix::cli::run_command_line(
        arguments,
        {ix::cli::add_run_command, ix::cli::add_tokenize_command, ix::cli::add_detokenize_command,
         ix::cli::add_inspect_command, ix::cli::add_bench_command, ix::cli::add_compile_command,
         ix::cli::add_cache_command, ix::cli::add_doctor_command, ix::cli::add_synth_command});
  } catch (const std::bad_alloc&) {
    ix::cli::print_error("out of memory");
  } catch (const std::exception& e) {
    ix::cli::print_error(e.what());
  }
  return ix::cli::kExitError;
}
