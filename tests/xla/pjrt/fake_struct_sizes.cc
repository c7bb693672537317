#include "xla/pjrt/fake_struct_sizes.h"

#include <cstring>
#include <string>

namespace fake_pjrt {
namespace {

// The size of a struct that has grown since 0.57, in this version.
size_t expected_size(const char* name, size_t newest) {
  if (std::strcmp(name, "PJRT_Client_Create_Args") == 0 && FAKE_PJRT_MINOR < 61) return 72;
  if (std::strcmp(name, "PJRT_ExecuteOptions") == 0) {
    if (FAKE_PJRT_MINOR < 64) return 72;
    if (FAKE_PJRT_MINOR < 76) return 80;
    if (FAKE_PJRT_MINOR < 78) return 88;
  }
  return newest;
}

}  // namespace

PJRT_Error* check_size(const char* name, size_t size, size_t newest) {
  const size_t expected = expected_size(name, newest);
  if (size == expected || (!FAKE_PJRT_STRICT && size > expected)) return nullptr;
  return error(PJRT_Error_Code_INVALID_ARGUMENT, std::string(name) + " has " +
                                                     std::to_string(size) + " bytes, expected " +
                                                     std::to_string(expected));
}

size_t api_size() {
  return FAKE_PJRT_STRICT ? offsetof(PJRT_Api, PJRT_Executable_GetCompiledMemoryStats)
                          : size_t{PJRT_Api_STRUCT_SIZE};
}

}  // namespace fake_pjrt
