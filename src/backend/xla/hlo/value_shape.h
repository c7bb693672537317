// The shape of an HLO value: an array or a tuple of arrays; and its form in a module's bytes.
#pragma once

#include <string>
#include <vector>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/shape.h"
#include "base/result.h"

namespace ix::backend::xla::hlo {

// An array has one part. Tuples do not nest: plugins refuse those that do.
struct ValueShape {
  bool tuple = false;
  std::vector<Shape> parts;

  static ValueShape array(Shape shape) { return {false, {std::move(shape)}}; }

  bool operator==(const ValueShape&) const = default;
};

// "f32[2,4]" or "(f32[2,4], s32[])"
std::string to_text(const ValueShape& shape);

// Full and row-major: the layout and is_dynamic_dimension are written for every dimension.
ix::hlo::ShapeProto to_proto(const Shape& shape);
ix::hlo::ShapeProto to_proto(const ValueShape& shape);

// unsupported for element types that Shape has no name for, nested tuples and dynamic dimensions;
// invalid_argument for a negative extent or an array of 2^63 bytes or more.
Result<ValueShape> from_proto(const ix::hlo::ShapeProto& proto);

}  // namespace ix::backend::xla::hlo
