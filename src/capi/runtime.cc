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
  Runtime* runtime;
  pid_t process = getpid();

  static const EndOfProcess& get() {
    static const EndOfProcess kOnly{new (runtime_room) Runtime};
    return kOnly;
  }
  ~EndOfProcess() { end(); }

  // In a child of fork() there are no threads to join.
  void end() const {
    if (getpid() == process) runtime->shut_down();
  }
};

Machine::Machine(Device chosen)
    : device_(std::move(chosen)),
      cores_(device_.threads),
      accelerated_(device_.accelerator != nullptr),
      accelerator_(std::move(device_.accelerator)) {}

Result<std::shared_ptr<backend::xla::GemmDevice>> Machine::accelerator() const {
  const std::lock_guard lock(mutex_);
  if (accelerated_ && accelerator_ == nullptr) {
    return Status(StatusCode::unavailable, "the library is being unloaded");
  }
  return accelerator_;
}

void Machine::shut_down() {
  cores_.shut_down();
  std::shared_ptr<backend::xla::GemmDevice> accelerator;
  {
    const std::lock_guard lock(mutex_);
    accelerator.swap(accelerator_);
  }
  if (accelerator != nullptr) accelerator->close();
}

Runtime& Runtime::get() { return *EndOfProcess::get().runtime; }

Result<Machine*> Runtime::machine() {
  const std::lock_guard lock(mutex_);
  if (machine_ == nullptr) {
    const char* name = std::getenv("IX_DEVICE");
    IX_ASSIGN_OR_RETURN(Device device, choose_device(name == nullptr ? "" : name));
    machine_ = std::make_unique<Machine>(std::move(device));
    end_first();
  }
  return machine_.get();
}

void Runtime::end_first() {
  // Where it fails an earlier one serves. A library's handlers run when it is unloaded, too.
  static_cast<void>(std::atexit([] { EndOfProcess::get().end(); }));
}

Result<std::shared_ptr<Stream>> Runtime::find(const ix_stream* stream) const {
  std::shared_ptr<Stream> found = streams.find(stream);
  if (found == nullptr) return invalid_argument("the handle of a stream is none, or was destroyed");
  return found;
}

Result<std::shared_ptr<const Weights>> Runtime::find(const ix_gemm_weights* handle) const {
  std::shared_ptr<const Weights> found = weights.find(handle);
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
  if (machine_ != nullptr) machine_->shut_down();
}

}  // namespace ix::capi
