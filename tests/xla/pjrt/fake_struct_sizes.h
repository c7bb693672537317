// Sizes of structs in the version that the fake plugin has.
#pragma once

#include <cstddef>

#include "xla/pjrt/fake_objects.h"

namespace fake_pjrt {

// An error where a caller's struct is too small, or not exactly as large as a strict plugin wants
// it. newest: its size in the reference header.
PJRT_Error* check_size(const char* name, size_t size, size_t newest);

// Of the table of functions.
size_t api_size();

}  // namespace fake_pjrt

// Returns what check_size() finds from the function that it stands in.
#define CHECK_SIZE(args, Struct)                                                     \
  if (PJRT_Error* wrong =                                                            \
          fake_pjrt::check_size(#Struct, (args)->struct_size, Struct##_STRUCT_SIZE)) \
  return wrong
