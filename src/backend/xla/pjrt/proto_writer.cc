#include "backend/xla/pjrt/proto_writer.h"

namespace ix::backend::xla::pjrt {
namespace {

enum class WireType : uint8_t { varint = 0, length_delimited = 2 };

uint64_t tag(int field, WireType type) {
  return static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(type);
}

}  // namespace

void ProtoWriter::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
  bytes_.push_back(static_cast<char>(value));
}

ProtoWriter& ProtoWriter::integer(int field, uint64_t value) {
  varint(tag(field, WireType::varint));
  varint(value);
  return *this;
}

ProtoWriter& ProtoWriter::bytes(int field, std::string_view value) {
  varint(tag(field, WireType::length_delimited));
  varint(value.size());
  bytes_.append(value);
  return *this;
}

}  // namespace ix::backend::xla::pjrt
