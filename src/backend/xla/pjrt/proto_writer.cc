#include "backend/xla/pjrt/proto_writer.h"

namespace ix::backend::xla::pjrt {
namespace {

enum WireType : uint8_t { kVarint = 0, kLengthDelimited = 2 };

uint64_t tag(int field, WireType type) { return static_cast<uint64_t>(field) << 3 | type; }

}  // namespace

void ProtoWriter::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
  bytes_.push_back(static_cast<char>(value));
}

ProtoWriter& ProtoWriter::integer(int field, uint64_t value) {
  varint(tag(field, kVarint));
  varint(value);
  return *this;
}

ProtoWriter& ProtoWriter::bytes(int field, std::string_view value) {
  varint(tag(field, kLengthDelimited));
  varint(value.size());
  bytes_.append(value);
  return *this;
}

}  // namespace ix::backend::xla::pjrt
