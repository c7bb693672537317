// The instruction sets that kernels exist for, and the choice among them at run time.
//
// One translation unit an instruction set and kind of kernel (matrix_avx2.cc, vector_avx2.cc, …),
// compiled with that set's flags. Such a file includes only intrinsics, C headers and headers of
// this folder that instantiate nothing: a template or inline function of external linkage compiled
// there becomes a weak symbol that the linker may pick for every CPU. A test reads the objects.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"

namespace ix::backend::cpu {

enum class Isa {
  generic,       // portable C++
  avx2,          // AVX2, FMA, F16C
  avx2vnni,      // and AVX-VNNI
  avx512vnni,    // AVX-512 F, BW, DQ, VL and VNNI
  avx512bf16,    // and BF16, in which keys and values lie
  amx,           // and AMX of both; keys and values lie in halves
  neon_dotprod,  // NEON of 64-bit Arm with the dot product
  neon_i8mm,     // and I8MM
};

// "generic", "avx2", "neon_i8mm", …: the names that IX_CPU_ISA takes.
std::string_view to_string(Isa isa);

// Those that this build has and this machine (CPU and operating system) can run, best first; the
// last is always generic.
std::span<const Isa> available_isas();

// The first of available_isas().
Isa best_isa();

// The set of that name. invalid_argument for a name that does not exist, unsupported for one that
// this machine cannot run; both messages list what it can.
Result<Isa> parse_isa(std::string_view name);

// `name` where not empty, else the environment's IX_CPU_ISA where set, else best_isa().
Result<Isa> choose_isa(std::string_view name = {});

}  // namespace ix::backend::cpu
