// Versioned options structs: struct_size first, fields only added at the end, zero the default.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"

namespace ix::capi {

// Checks the struct at `given`, whose first member is its size_t struct_size, and copies what is
// known of it over `known` [ends.back()], which holds zeros. ends: where the struct could end,
// which is where its second field and all after it begin, and its size. `given` null: nothing is
// copied. invalid_argument for a size inside a field or beyond 4096, unsupported for fields unknown
// here that are not zero.
Status copy_options(std::string_view name, const void* given, std::span<const size_t> ends,
                    void* known);

// Ends of the fields of ix_gemm_options and so on; specialised where the struct is used.
template <typename Options>
struct FieldEnds;

template <typename Options>
Result<Options> read_options(std::string_view name, const Options* given) {
  static_assert(offsetof(Options, struct_size) == 0);
  Options known = {};
  known.struct_size = sizeof(Options);
  IX_RETURN_IF_ERROR(copy_options(name, given, FieldEnds<Options>::kEnds, &known));
  return known;
}

}  // namespace ix::capi
