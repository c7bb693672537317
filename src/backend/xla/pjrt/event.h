// Waiting for what a plugin does asynchronously.
#pragma once

#include <functional>

#include "backend/executor.h"
#include "backend/xla/pjrt/handle.h"

namespace ix::backend::xla::pjrt {

class Event {
 public:
  Event(const Plugin& plugin, abi::Event* event) : plugin_(&plugin), event_(own(plugin, event)) {}

  Result<bool> ready() const;

  // Waits, and gives the error of what was waited for. deadline_exceeded, "timed out", where the
  // deadline passes first; what has already happened is reported however late it is.
  Status await(Deadline deadline) const;

  // Calls `function` once, from any thread, when the event has happened. The event may be destroyed
  // before.
  Status on_ready(std::function<void(Status)> function) const;

 private:
  Status block() const;

  const Plugin* plugin_;
  Handle<abi::Event> event_;
};

}  // namespace ix::backend::xla::pjrt
