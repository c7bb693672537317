// Writes the few protocol buffer fields that PJRT's own messages need.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ix::backend::xla::pjrt {

class ProtoWriter {
 public:
  // A varint field: bool, enum, or an integer that is not negative.
  ProtoWriter& integer(int field, uint64_t value);
  // A length-delimited field: string, bytes or a message.
  ProtoWriter& bytes(int field, std::string_view value);
  ProtoWriter& message(int field, const ProtoWriter& value) { return bytes(field, value.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value);

  std::string bytes_;
};

}  // namespace ix::backend::xla::pjrt
