// What this machine has for ix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "doctor/step.h"

namespace ix::cli::doctor {

// Something that is looked for: where or which it is, or why there is none.
struct Found {
  bool there = false;
  std::string text;
};

struct DeviceLibraries {
  Found plugin;    // a path
  Found libnrt;    // a version
  Found compiler;  // neuronx-cc's version
};

struct HostSummary {
  std::string cpu;                // as the kernel calls it
  std::string isa;                // the kernels that are chosen
  std::vector<std::string> isas;  // that could be, best first
  int threads = 0;
  std::optional<uint64_t> free_bytes;        // that the process can allocate
  uint64_t cache_bytes = 0;                  // of the last level
  std::string huge_pages;                    // of Linux: "always", "madvise", "never", or "unknown"
  std::optional<DeviceLibraries> libraries;  // where they were looked for
};

// Without the libraries.
HostSummary summarise_host();
DeviceLibraries find_device_libraries();

// Several lines for people.
std::string to_text(const HostSummary& host);
Json to_json(const HostSummary& host);

}  // namespace ix::cli::doctor
