#include "capi/last_error.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <system_error>

namespace ix::capi {
namespace {

// No destructor: a thread that ran one would keep the library from being unloaded.
struct LastError {
  ix_status status;
  char message[1024];
};
constinit thread_local LastError last_error = {IX_OK, ""};

ix_status to_ix_status(StatusCode code) {
  switch (code) {
    case StatusCode::ok:
      return IX_OK;
    case StatusCode::invalid_argument:
      return IX_INVALID_ARGUMENT;
    case StatusCode::not_found:
      return IX_NOT_FOUND;
    case StatusCode::permission_denied:
      return IX_PERMISSION_DENIED;
    case StatusCode::corrupt:
      return IX_CORRUPT;
    case StatusCode::unsupported:
      return IX_UNSUPPORTED;
    case StatusCode::resource_exhausted:
      return IX_RESOURCE_EXHAUSTED;
    case StatusCode::deadline_exceeded:
      return IX_DEADLINE_EXCEEDED;
    case StatusCode::cancelled:
      return IX_CANCELLED;
    case StatusCode::unavailable:
      return IX_UNAVAILABLE;
    case StatusCode::internal:
      return IX_INTERNAL;
  }
  return IX_INTERNAL;
}

// Appends as much of `text` as fits, with the final zero; returns the new end.
size_t append(size_t end, std::string_view text) {
  const size_t count = std::min(text.size(), sizeof(last_error.message) - 1 - end);
  std::memcpy(last_error.message + end, text.data(), count);
  last_error.message[end + count] = '\0';
  return end + count;
}

}  // namespace

ix_status set_last(const Status& status, std::string_view function) noexcept {
  last_error.status = to_ix_status(status.code());
  last_error.message[0] = '\0';
  if (!status.ok()) append(append(append(0, function), ": "), status.message());
  return last_error.status;
}

std::string one_line(std::string_view message) {
  std::string line;
  while (!message.empty()) {
    const std::string_view part = message.substr(0, message.find('\n'));
    if (!part.empty() && !line.empty()) line += "; ";
    line += part;
    message.remove_prefix(part.size());
    message.remove_prefix(std::min(message.find_first_not_of("\n "), message.size()));
  }
  return line;
}

Status status_of_exception() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {StatusCode::resource_exhausted, "out of memory"};  // fits a string's own room
  } catch (const std::system_error&) {
    return {StatusCode::resource_exhausted, "no more threads"};
  } catch (...) {
    return {StatusCode::internal, "exception"};
  }
}

}  // namespace ix::capi

extern "C" {

ix_status ix_last_status(void) { return ix::capi::last_error.status; }

const char* ix_last_error(void) { return ix::capi::last_error.message; }

const char* ix_status_name(ix_status status) {
  if (status == IX_INTERNAL) return ix::to_string(ix::StatusCode::internal).data();
  for (int code = 0; code < static_cast<int>(ix::StatusCode::internal); ++code) {
    const auto candidate = static_cast<ix::StatusCode>(code);
    if (ix::capi::to_ix_status(candidate) == status) return ix::to_string(candidate).data();
  }
  return "unknown status";
}
}
