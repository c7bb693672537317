// What each NRT_STATUS means to a program and to a person.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "backend/neuron/nrt/nrt_abi.h"
#include "base/status.h"

namespace ix::backend::neuron::nrt {

// Whether the same call may succeed without a new process.
enum class Retry : uint8_t {
  no,
  soon,           // in a moment, by itself
  after_freeing,  // when device memory has been given back
};

struct StatusInfo {
  StatusValue value;
  const char* name;  // "NRT_TIMEOUT"
  StatusCode code;
  const char* meaning;
  const char* advice;
  Retry retry;
  bool sticky;  // the cores are of no further use to this process
};

// Every value that libnrt up to 2.34.10 documents, in order.
std::span<const StatusInfo> known_statuses();

// Null for a value that is not known.
const StatusInfo* find_status(StatusValue value);

// "NRT_TIMEOUT (5)", or "status 4711" where the value is not known.
std::string status_name(StatusValue value);

// A value that is not known counts as neither.
bool is_sticky(StatusValue value);
bool may_retry_soon(StatusValue value);

// ok for kSuccess; else "WHAT: NRT_TIMEOUT (5): meaning; advice".
Status to_status(StatusValue value, std::string_view what);

}  // namespace ix::backend::neuron::nrt
