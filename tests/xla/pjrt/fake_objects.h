// What the handles of the fake plugin are.
#pragma once

#include <pjrt_c_api.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fake_pjrt {

struct Counted {
  Counted();
  ~Counted();
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};
// Objects that the caller has not destroyed.
int live_objects();

// What happens, apart from the object that the caller may destroy before.
struct Happening {
  void happen();

  bool ready = false;
  int code = 0;
  std::vector<std::function<void()>> callbacks;
};

PJRT_Error* error(int code, std::string message);

}  // namespace fake_pjrt

struct PJRT_Error : fake_pjrt::Counted {
  PJRT_Error(PJRT_Error_Code code_of, std::string message_of)
      : code(code_of), message(std::move(message_of)) {}
  PJRT_Error_Code code;
  std::string message;
};

struct PJRT_Event : fake_pjrt::Counted {
  explicit PJRT_Event(std::shared_ptr<fake_pjrt::Happening> of) : happening(std::move(of)) {}
  std::shared_ptr<fake_pjrt::Happening> happening;
};

struct PJRT_DeviceDescription {
  int id;
};

struct PJRT_Device {
  PJRT_DeviceDescription description;
};

struct PJRT_Client : fake_pjrt::Counted {
  PJRT_Device devices[2] = {{{3}}, {{5}}};
  PJRT_Device* addressable[2] = {&devices[0], &devices[1]};
};

struct PJRT_LoadedExecutable : fake_pjrt::Counted {
  std::string behaviour;
  int code = 0;
};

struct PJRT_Executable : fake_pjrt::Counted {};

struct PJRT_Buffer : fake_pjrt::Counted {
  ~PJRT_Buffer() { arrive(); }
  // Copies what is still in the host's memory.
  void arrive();

  float values[2] = {0, 0};
  int code = 0;                // of the execution that should have written it
  const void* host = nullptr;  // not copied yet
  std::shared_ptr<fake_pjrt::Happening> host_done;
};
