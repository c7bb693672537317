#include "base/status.h"

namespace ix {

std::string_view to_string(StatusCode code) {
  switch (code) {
    case StatusCode::ok:
      return "ok";
    case StatusCode::invalid_argument:
      return "invalid argument";
    case StatusCode::not_found:
      return "not found";
    case StatusCode::permission_denied:
      return "permission denied";
    case StatusCode::corrupt:
      return "corrupt";
    case StatusCode::unsupported:
      return "unsupported";
    case StatusCode::resource_exhausted:
      return "resource exhausted";
    case StatusCode::deadline_exceeded:
      return "deadline exceeded";
    case StatusCode::cancelled:
      return "cancelled";
    case StatusCode::unavailable:
      return "unavailable";
    case StatusCode::internal:
      return "internal error";
  }
  return "unknown status";
}

Status Status::with_context(std::string_view context) const {
  if (ok()) return *this;
  std::string message(context);
  message += ": ";
  message += message_;
  return {code_, std::move(message)};
}

}  // namespace ix
