// Programs in HLO's own syntax, as XLA prints them:
//
//   HloModule decode, input_output_alias={ {0}: (1, {}, may-alias) }, entry_computation_layout=...
//
//   ENTRY %main (parameter.1: f32[2,4]) -> (f32[2,4]) {
//     %parameter.1 = f32[2,4]{1,0} parameter(0)
//     %add.2 = f32[2,4]{1,0} add(%parameter.1, %parameter.1)
//     ROOT %tuple.3 = (f32[2,4]{1,0}) tuple(%add.2)
//   }
//
// Constants of more than ten elements are printed as {...}. What a broken program refers to and
// does not have is printed as %?ID.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ix::hlo {
class HloModuleProto;
class LiteralProto;
class ShapeProto;
}  // namespace ix::hlo

namespace ix::backend::xla::hlo {

std::string to_text(const ix::hlo::HloModuleProto& module);

// Of a serialised HloModuleProto; corrupt where the bytes are none.
Result<std::string> module_text(std::string_view bytes);

// "f32[2,4]{1,0}"; "f32[2,4]" without layout.
std::string to_text(const ix::hlo::ShapeProto& shape, bool layout);

// "0.5", "{1, 2, 3}", "{ { 1, 2 }, { 3, 4 } }"
std::string to_text(const ix::hlo::LiteralProto& literal);

}  // namespace ix::backend::xla::hlo
