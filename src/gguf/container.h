// One file's bytes, checked and laid out. Splitting and mapping are not its business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "gguf/metadata.h"
#include "quant/weight_source.h"

namespace ix::gguf {

// Views point into the bytes that were read.
struct Container {
  uint32_t version = 0;
  Metadata metadata;
  std::vector<quant::TensorView> tensors;  // in file order
  uint64_t data_offset = 0;                // of the data section, from the start of the file
};

// Reads a whole file. Messages begin with `path`; see GgufFile::open for the codes.
Result<Container> read_container(const std::string& path, std::span<const std::byte> bytes);

}  // namespace ix::gguf
