// Features of an x86 CPU that not every compiler's __builtin_cpu_supports knows.
//
// They say nothing of whether the system saves the registers: ask the builtin for AVX2 or AVX512F
// as well, which looks there.
#pragma once

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ix {

struct Cpuid {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
};

// All zero for a leaf that the CPU does not have.
inline Cpuid cpuid(unsigned leaf, unsigned subleaf) {
  Cpuid r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

// Bits by number: headers of compilers have had wrong ones.
inline bool cpu_has_f16c() { return (cpuid(1, 0).ecx >> 29 & 1U) != 0; }
inline bool cpu_has_avx_vnni() { return (cpuid(7, 1).eax >> 4 & 1U) != 0; }
inline bool cpu_has_avx512_bf16() { return (cpuid(7, 1).eax >> 5 & 1U) != 0; }

// AMX with 8-bit integers and bfloat16: whether the CPU has it and the system lets this process use
// it. Linux saves the tiles, 8 KiB a thread, only for a process that has asked, which this does; no
// for a process with a signal stack that is too small for them.
inline bool may_use_amx() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  const unsigned features = cpuid(7, 0).edx;
  const bool has_amx = (features >> 22 & 1U) != 0 && (features >> 24 & 3U) == 3;
  return has_amx && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace ix
#endif
