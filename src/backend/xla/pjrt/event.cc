#include "backend/xla/pjrt/event.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace ix::backend::xla::pjrt {
namespace {

struct Callback {
  const Plugin* plugin;
  std::function<void(Status)> function;
};

void call_back(abi::Error* error, void* user_argument) noexcept {
  const std::unique_ptr<Callback> callback(static_cast<Callback*>(user_argument));
  callback->function(callback->plugin->take(error));
}

}  // namespace

Result<bool> Event::ready() const {
  auto args = plugin_->make<abi::EventIsReadyArgs>();
  args.event = event_.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::event_is_ready, args));
  return args.is_ready;
}

Status Event::block() const {
  auto args = plugin_->make<abi::EventAwaitArgs>();
  args.event = event_.get();
  return plugin_->call(&abi::Api::event_await, args);
}

Status Event::await(Deadline deadline) const {
  if (deadline == kNoDeadline) return block();
  IX_ASSIGN_OR_RETURN(const bool happened, ready());
  if (happened) return block();

  struct Outcome {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Status> status;
  };
  // Shared with the callback, which may come after this call has timed out.
  const auto outcome = std::make_shared<Outcome>();
  IX_RETURN_IF_ERROR(on_ready([outcome](Status status) {
    const std::scoped_lock lock(outcome->mutex);
    outcome->status = std::move(status);
    outcome->changed.notify_all();
  }));
  std::unique_lock lock(outcome->mutex);
  if (!outcome->changed.wait_until(lock, deadline, [&] { return outcome->status.has_value(); })) {
    return {StatusCode::deadline_exceeded, "timed out"};
  }
  return *outcome->status;
}

Status Event::on_ready(std::function<void(Status)> function) const {
  auto callback = std::make_unique<Callback>(Callback{plugin_, std::move(function)});
  auto args = plugin_->make<abi::EventOnReadyArgs>();
  args.event = event_.get();
  args.callback = call_back;
  args.user_argument = callback.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::event_on_ready, args));
  static_cast<void>(callback.release());  // call_back has it
  return {};                              // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks)
}

}  // namespace ix::backend::xla::pjrt
