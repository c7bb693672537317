// What a compiled program in the cache was made from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ix::backend::neuron {

struct CacheEntry {
  std::string program_key;  // 32 hex digits: HLO, flags, target and world
  std::string compiler;     // version of neuronx-cc
  std::string module_name;
  std::string target;
  std::vector<std::string> flags;
  int32_t world = 1;  // ranks that run it together
  // Set when it is stored.
  uint64_t neff_bytes = 0;
  std::string checksum;  // of the NEFF: 32 hex digits
  int64_t created = 0;   // seconds since 1970
  double compile_seconds = 0;

  // Name of its directory: the key, a dash, the compiler's version.
  std::string directory_name() const;
};

// 32 hex digits: XXH3, 128 bits.
std::string hash_text(std::string_view bytes);

// The key of a program: equal for equal HLO, flags, target and world.
std::string program_key(std::string_view hlo, const std::vector<std::string>& flags,
                        std::string_view target, int32_t world);

std::string to_json(const CacheEntry& entry);
// corrupt where the text is not what to_json writes.
Result<CacheEntry> entry_from_json(const std::string& text);

}  // namespace ix::backend::neuron
