#include "backend/xla/hlo/value_shape.h"

#include <fmt/format.h>

#include <optional>

#include "base/checked_math.h"

namespace ix::backend::xla::hlo {
namespace {

std::optional<ElementType> element_type(ix::hlo::PrimitiveType type) {
  switch (type) {
    case ix::hlo::PRED:
    case ix::hlo::S8:
    case ix::hlo::S16:
    case ix::hlo::S32:
    case ix::hlo::S64:
    case ix::hlo::U8:
    case ix::hlo::U16:
    case ix::hlo::U32:
    case ix::hlo::U64:
    case ix::hlo::F16:
    case ix::hlo::F32:
    case ix::hlo::F64:
    case ix::hlo::BF16:
      return static_cast<ElementType>(type);
    default:
      return std::nullopt;
  }
}

Result<Shape> array_from_proto(const ix::hlo::ShapeProto& proto) {
  const std::optional<ElementType> type = element_type(proto.element_type());
  if (!type) {
    return unsupported(fmt::format("element type {}", static_cast<int>(proto.element_type())));
  }
  std::optional<int64_t> bytes = element_bytes(*type);
  for (const int64_t dim : proto.dimensions()) {
    if (dim < 0) return invalid_argument(fmt::format("extent {} is negative", dim));
    bytes = checked_mul(*bytes, dim);
    if (!bytes) return invalid_argument("an array of 2^63 bytes or more");
  }
  for (const bool dynamic : proto.is_dynamic_dimension()) {
    if (dynamic) return unsupported("a dynamic dimension");
  }
  return Shape{*type, {proto.dimensions().begin(), proto.dimensions().end()}};
}

}  // namespace

std::string to_text(const ValueShape& shape) {
  if (!shape.tuple) return to_text(shape.parts.front());
  std::vector<std::string> parts;
  for (const Shape& part : shape.parts) parts.push_back(to_text(part));
  return fmt::format("({})", fmt::join(parts, ", "));
}

ix::hlo::ShapeProto to_proto(const Shape& shape) {
  ix::hlo::ShapeProto proto;
  proto.set_element_type(static_cast<ix::hlo::PrimitiveType>(shape.type));
  ix::hlo::LayoutProto& layout = *proto.mutable_layout();
  for (const int64_t dim : shape.dims) {
    proto.add_dimensions(dim);
    proto.add_is_dynamic_dimension(false);
  }
  for (int64_t dim = shape.rank() - 1; dim >= 0; --dim) layout.add_minor_to_major(dim);
  layout.set_tail_padding_alignment_in_elements(1);
  return proto;
}

ix::hlo::ShapeProto to_proto(const ValueShape& shape) {
  if (!shape.tuple) return to_proto(shape.parts.front());
  ix::hlo::ShapeProto proto;
  proto.set_element_type(ix::hlo::TUPLE);
  for (const Shape& part : shape.parts) *proto.add_tuple_shapes() = to_proto(part);
  return proto;
}

Result<ValueShape> from_proto(const ix::hlo::ShapeProto& proto) {
  if (proto.element_type() != ix::hlo::TUPLE) {
    IX_ASSIGN_OR_RETURN(Shape shape, array_from_proto(proto));
    return ValueShape::array(std::move(shape));
  }
  ValueShape shape{true, {}};
  for (const ix::hlo::ShapeProto& part : proto.tuple_shapes()) {
    if (part.element_type() == ix::hlo::TUPLE) return unsupported("a tuple inside a tuple");
    IX_ASSIGN_OR_RETURN(Shape array, array_from_proto(part));
    shape.parts.push_back(std::move(array));
  }
  return shape;
}

}  // namespace ix::backend::xla::hlo
