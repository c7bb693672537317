// Errors as values: a code that a program can act on and a message that a person can.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace ix {

enum class StatusCode {
  ok,
  invalid_argument,    // the caller's value is wrong; the message says which and what is allowed
  not_found,           // a file, key, tensor or device that does not exist
  permission_denied,   // the system refuses access
  corrupt,             // a file's content contradicts its format
  unsupported,         // valid, but not something this build can do
  resource_exhausted,  // memory, KV blocks or a stated limit
  deadline_exceeded,
  cancelled,
  unavailable,  // a device or backend that is gone
  internal,     // our own bug
};

std::string_view to_string(StatusCode code);

// A code and a message; ok carries no message. Cheap to move.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::ok; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error with "context: " before its message. No effect on ok.
  Status with_context(std::string_view context) const;

 private:
  StatusCode code_ = StatusCode::ok;
  std::string message_;
};

inline Status ok_status() { return {}; }
inline Status invalid_argument(std::string message) {
  return {StatusCode::invalid_argument, std::move(message)};
}
inline Status not_found(std::string message) { return {StatusCode::not_found, std::move(message)}; }
inline Status corrupt(std::string message) { return {StatusCode::corrupt, std::move(message)}; }
inline Status unsupported(std::string message) {
  return {StatusCode::unsupported, std::move(message)};
}
inline Status resource_exhausted(std::string message) {
  return {StatusCode::resource_exhausted, std::move(message)};
}
inline Status internal_error(std::string message) {
  return {StatusCode::internal, std::move(message)};
}

}  // namespace ix
