#include "backend/cpu/kernels/isa.h"

#include <fmt/format.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <cstdlib>
#include <string>
#include <vector>

#include "base/cpuid.h"

namespace ix::backend::cpu {
namespace {

struct Entry {
  Isa isa;
  std::string_view name;
  bool (*runs_here)();
};

#if defined(__x86_64__)
// __builtin_cpu_supports looks at XCR0 too, so a system that does not save the registers says no.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
         cpu_has_f16c();
}

bool has_avx2vnni() { return has_avx2() && cpu_has_avx_vnni(); }

bool has_avx512vnni() {
  return has_avx2() && __builtin_cpu_supports("avx512f") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
}

bool has_avx512bf16() { return has_avx512vnni() && cpu_has_avx512_bf16(); }

bool has_amx() { return has_avx512bf16() && may_use_amx(); }
#elif defined(__aarch64__)
bool has_neon_dotprod() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }

bool has_neon_i8mm() { return has_neon_dotprod() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }
#endif

constexpr Isa kAll[] = {Isa::generic,    Isa::avx2, Isa::avx2vnni,     Isa::avx512vnni,
                        Isa::avx512bf16, Isa::amx,  Isa::neon_dotprod, Isa::neon_i8mm};

// The one ordered list of implementations: best first, the reference last.
constexpr Entry kImplementations[] = {
#if defined(__x86_64__)
    {Isa::amx, "amx", has_amx},
    {Isa::avx512bf16, "avx512bf16", has_avx512bf16},
    {Isa::avx512vnni, "avx512vnni", has_avx512vnni},
    {Isa::avx2vnni, "avx2vnni", has_avx2vnni},
    {Isa::avx2, "avx2", has_avx2},
#elif defined(__aarch64__)
    {Isa::neon_i8mm, "neon_i8mm", has_neon_i8mm},
    {Isa::neon_dotprod, "neon_dotprod", has_neon_dotprod},
#endif
    {Isa::generic, "generic", [] { return true; }},
};

std::string available_names() {
  std::string names;
  for (Isa isa : available_isas()) {
    if (!names.empty()) names += ", ";
    names += to_string(isa);
  }
  return names;
}

}  // namespace

std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::generic:
      return "generic";
    case Isa::avx2:
      return "avx2";
    case Isa::avx2vnni:
      return "avx2vnni";
    case Isa::avx512vnni:
      return "avx512vnni";
    case Isa::avx512bf16:
      return "avx512bf16";
    case Isa::amx:
      return "amx";
    case Isa::neon_dotprod:
      return "neon_dotprod";
    case Isa::neon_i8mm:
      return "neon_i8mm";
  }
  return "unknown";
}

std::span<const Isa> available_isas() {
  static const std::vector<Isa> kIsas = [] {
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    std::vector<Isa> found;
    for (const Entry& entry : kImplementations) {
      if (entry.runs_here()) found.push_back(entry.isa);
    }
    return found;
  }();
  return kIsas;
}

Isa best_isa() { return available_isas().front(); }

Result<Isa> parse_isa(std::string_view name) {
  for (Isa isa : available_isas()) {
    if (to_string(isa) == name) return isa;
  }
  for (Isa isa : kAll) {
    if (to_string(isa) == name) {
      return unsupported(fmt::format("CPU instruction set '{}' cannot run on this machine; use {}",
                                     name, available_names()));
    }
  }
  return invalid_argument(
      fmt::format("unknown CPU instruction set '{}'; use {}", name, available_names()));
}

Result<Isa> choose_isa(std::string_view name) {
  if (!name.empty()) return parse_isa(name);
  const char* forced = std::getenv("IX_CPU_ISA");
  if (forced == nullptr || *forced == '\0') return best_isa();
  Result<Isa> isa = parse_isa(forced);
  if (!isa.ok()) return isa.status().with_context("IX_CPU_ISA");
  return isa;
}

}  // namespace ix::backend::cpu
