#include "capi/options.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::capi {
namespace {

constexpr size_t kLargest = 4096;

}  // namespace

Status copy_options(std::string_view name, const void* given, std::span<const size_t> ends,
                    void* known) {
  if (given == nullptr) return ok_status();
  const auto* bytes = static_cast<const unsigned char*>(given);
  size_t size = 0;
  std::memcpy(&size, bytes, sizeof(size));
  const size_t known_size = ends.back();
  const bool whole_fields = size > known_size
                                ? size <= kLargest
                                : std::find(ends.begin(), ends.end(), size) != ends.end();
  if (!whole_fields) {
    return invalid_argument(fmt::format(
        "{}: struct_size is {}; set it to sizeof the struct, {} here", name, size, known_size));
  }
  const auto* tail = bytes + std::min(size, known_size);
  if (std::any_of(tail, bytes + size, [](unsigned char byte) { return byte != 0; })) {
    return unsupported(
        fmt::format("{}: struct_size is {} and a field beyond {} bytes is set, which this library "
                    "does not know",
                    name, size, known_size));
  }
  std::memcpy(known, bytes, std::min(size, known_size));
  return ok_status();
}

}  // namespace ix::capi
