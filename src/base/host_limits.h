// What the process may use: limits of its control group (v2 or v1) and of the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ix {

// CPUs that the cgroup's quota allows (1.5 = one and a half); nothing where there is no quota.
std::optional<double> cgroup_cpu_quota();

// Bytes that this process can still allocate: the smaller of MemAvailable and what the cgroup's
// limit leaves (page cache that can be dropped counts as free). Nothing where it cannot be told.
std::optional<uint64_t> available_memory_bytes();

// Bytes of the largest cache of CPU 0, shared or not; 0 where it cannot be told.
uint64_t last_level_cache_bytes();

// Peak resident memory of this process in bytes (VmHWM); 0 where it cannot be told.
uint64_t peak_resident_bytes();

// The CPU as the kernel calls it; empty where it cannot be told.
std::string cpu_name();

// Linux's setting of transparent huge pages, "always", "madvise" or "never"; "unknown" where it
// cannot be told.
std::string huge_page_mode();

}  // namespace ix
