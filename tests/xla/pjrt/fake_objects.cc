#include "xla/pjrt/fake_objects.h"

#include <cstring>

namespace fake_pjrt {
namespace {

int live = 0;

}  // namespace

Counted::Counted() { ++live; }

Counted::~Counted() { --live; }

int live_objects() { return live; }

void Happening::happen() {
  ready = true;
  for (const auto& callback : callbacks) callback();
  callbacks.clear();
}

PJRT_Error* error(int code, std::string message) {
  return new PJRT_Error(static_cast<PJRT_Error_Code>(code), std::move(message));
}

}  // namespace fake_pjrt

void PJRT_Buffer::arrive() {
  if (host == nullptr) return;
  std::memcpy(values, host, sizeof values);
  host = nullptr;
  host_done->happen();
}
