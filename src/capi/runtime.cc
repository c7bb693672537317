#include "capi/runtime.h"

#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace ix::capi {

namespace {

alignas(Runtime) std::byte runtime_room[sizeof(Runtime)];

}  // namespace

// The runtime itself is never destroyed: threads of the program may still call while it exits.
struct Runtime::EndOfProcess {
  Runtime* runtime = new (runtime_room) Runtime;
  pid_t process = getpid();

  // In a child of fork() there are no threads to join.
  ~EndOfProcess() {
    if (getpid() == process) runtime->shut_down();
  }
};

Runtime& Runtime::get() {
  static const EndOfProcess end;
  return *end.runtime;
}

Result<Machine*> Runtime::machine() {
  const std::lock_guard lock(mutex_);
  if (!machine_) {
    const char* name = std::getenv("IX_DEVICE");
    IX_ASSIGN_OR_RETURN(Device device, choose_device(name == nullptr ? "" : name));
    machine_.emplace(std::move(device));
  }
  return &*machine_;
}

Result<std::shared_ptr<Stream>> Runtime::find(const ix_stream* stream) const {
  std::shared_ptr<Stream> found = streams.find(stream);
  if (found == nullptr) return invalid_argument("the handle of a stream is none, or was destroyed");
  return found;
}

Result<std::shared_ptr<Weights>> Runtime::find(const ix_gemm_weights* handle) const {
  std::shared_ptr<Weights> found = weights.find(handle);
  if (found == nullptr)
    return invalid_argument("the handle of weights (a cache) is none, or was freed");
  return found;
}

void Runtime::shut_down() {
  for (const std::shared_ptr<Stream>& stream : streams.remove_all()) {
    (void)stream->close(Stream::Pending::drop);
  }
  weights.remove_all();
  const std::lock_guard lock(mutex_);
  if (machine_) machine_->cores.shut_down();
}

}  // namespace ix::capi
