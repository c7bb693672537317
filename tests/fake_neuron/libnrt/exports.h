// The C functions of libnrt that the fake exports, with the types of the ABI.
#pragma once

#include <type_traits>

#include "backend/neuron/nrt/nrt_abi.h"

namespace ix::fake_nrt {
using namespace backend::neuron::nrt;  // NOLINT: the ABI's types, in the ABI's signatures
}

#define IX_FAKE_DECLARE(result, name, parameters) \
  extern "C" __attribute__((visibility("default"))) result nrt_##name parameters;
namespace ix::fake_nrt {
IX_NRT_REQUIRED_FUNCTIONS(IX_FAKE_DECLARE)
IX_NRT_OTHER_BASE_FUNCTIONS(IX_FAKE_DECLARE)
IX_NRT_OPTIONAL_FUNCTIONS(IX_FAKE_DECLARE)
}  // namespace ix::fake_nrt
#undef IX_FAKE_DECLARE
