// Reads what the fake compiler wrote: NEFF's header, and a payload of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/xla/hlo/shape.h"
#include "base/result.h"

namespace ix::fake_nrt {

struct NeffTensor {
  std::string name;
  backend::xla::hlo::Shape shape;
  size_t bytes;
};

struct NeffAlias {
  size_t output;
  size_t parameter;
};

struct Neff {
  std::string hash;    // of the whole file
  std::string module;  // name
  std::string target;
  std::string hlo;  // serialised HloModuleProto
  std::vector<NeffTensor> inputs;
  std::vector<NeffTensor> outputs;
  std::vector<NeffAlias> aliases;
  bool collectives = false;
  int replica_groups = 0;

  // The input whose storage an output takes; -1 for none.
  int parameter_of(size_t output) const;
};

// corrupt where it is no such file; unsupported where header or target are another device's.
Result<Neff> read_neff(std::span<const std::byte> file);

}  // namespace ix::fake_nrt
