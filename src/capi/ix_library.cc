// ix.h: version and device.
#include "capi/last_error.h"
#include "capi/runtime.h"
#include "ix/ix.h"

#define IX_STRINGIZE_INNER(x) #x
#define IX_STRINGIZE(x) IX_STRINGIZE_INNER(x)

extern "C" {

const char* ix_version(void) {
  return IX_STRINGIZE(IX_VERSION_MAJOR) "." IX_STRINGIZE(IX_VERSION_MINOR) "." IX_STRINGIZE(
      IX_VERSION_PATCH);
}

int32_t ix_abi_version(void) { return IX_ABI_VERSION; }

ix_status ix_device_name(const char** name) {
  using namespace ix;  // for the macros of result.h
  return capi::guarded("ix_device_name", [&]() -> Status {
    if (name == nullptr) return invalid_argument("name is NULL");
    IX_ASSIGN_OR_RETURN(const capi::Machine* const machine, capi::Runtime::get().machine());
    *name = machine->device().name.c_str();
    return ok_status();
  });
}
}
