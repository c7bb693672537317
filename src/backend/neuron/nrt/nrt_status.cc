#include "backend/neuron/nrt/nrt_status.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::backend::neuron::nrt {
namespace {

constexpr const char* kRestart = "end this process and start a new one";
constexpr const char* kReplace = "stop and start the instance, or replace it";
constexpr const char* kOurBug = "this is a bug of ours: please report it";

constexpr StatusInfo kStatuses[] = {
    {0, "NRT_SUCCESS", StatusCode::ok, "done", "", Retry::no, false},
    {1, "NRT_FAILURE", StatusCode::unavailable, "the runtime failed without saying why",
     "see the lines that libnrt wrote; at the start it means that another process holds the cores "
     "(neuron-ls names it) or that the driver is missing",
     Retry::no, false},
    {2, "NRT_INVALID", StatusCode::invalid_argument,
     "a bad NEFF, instruction or descriptor, or a tensor that is not the program's",
     "delete the program from the cache and compile it again", Retry::no, false},
    {3, "NRT_INVALID_HANDLE", StatusCode::internal, "a handle that libnrt did not give", kOurBug,
     Retry::no, false},
    {4, "NRT_RESOURCE", StatusCode::resource_exhausted,
     "memory of the core or another resource is used up",
     "use fewer slots, a shorter context, fewer programs or more cores", Retry::after_freeing,
     false},
    {5, "NRT_TIMEOUT", StatusCode::deadline_exceeded, "the execution did not end in time",
     "end this process and start a new one; if it comes again, stop and start the instance",
     Retry::no, true},
    {6, "NRT_HW_ERROR", StatusCode::unavailable, "the hardware failed", kReplace, Retry::no, true},
    {7, "NRT_QUEUE_FULL", StatusCode::resource_exhausted, "the execution queue is full",
     "wait until an execution has ended", Retry::soon, false},
    {9, "NRT_LOAD_NOT_ENOUGH_NC", StatusCode::resource_exhausted,
     "the program needs more cores than are visible",
     "show more cores (NEURON_RT_VISIBLE_CORES) or compile for fewer", Retry::no, false},
    {10, "NRT_UNSUPPORTED_NEFF_VERSION", StatusCode::unsupported,
     "libnrt does not know this version of NEFF",
     "update aws-neuronx-runtime-lib, or compile with the compiler of the same SDK", Retry::no,
     false},
    {11, "NRT_FAIL_HOST_MEM_ALLOC", StatusCode::resource_exhausted, "memory of the host is used up",
     "free memory on the host", Retry::no, false},
    {13, "NRT_UNINITIALIZED", StatusCode::internal, "a call before the start of the runtime",
     kOurBug, Retry::no, false},
    {14, "NRT_CLOSED", StatusCode::internal, "a call after the end of the runtime", kOurBug,
     Retry::no, false},
    {15, "NRT_QUEUE_EMPTY", StatusCode::unavailable, "nothing to read yet", "ask again",
     Retry::soon, false},
    {101, "NRT_EXEC_UNIT_UNRECOVERABLE", StatusCode::unavailable,
     "the core's execution unit is lost",
     "end this process and start a new one; if it comes again, reload the driver or reboot",
     Retry::no, true},
    {1002, "NRT_EXEC_BAD_INPUT", StatusCode::invalid_argument,
     "an input that the program does not take", kOurBug, Retry::no, false},
    {1003, "NRT_EXEC_COMPLETED_WITH_NUM_ERR", StatusCode::unavailable,
     "the execution produced a NaN, and every later one will report it",
     "start a new process without NEURON_FAIL_ON_NAN and NEURON_RT_NUMERICAL_ERRORS_VERBOSITY",
     Retry::no, true},
    {1004, "NRT_EXEC_COMPLETED_WITH_ERR", StatusCode::unavailable,
     "the execution ended with a logical or parity error", kReplace, Retry::no, true},
    {1005, "NRT_EXEC_NC_BUSY", StatusCode::unavailable, "another program holds the core",
     "try again in a moment", Retry::soon, false},
    {1006, "NRT_EXEC_OOB", StatusCode::invalid_argument,
     "an index in a gather or scatter was out of range",
     "the input is not to be used again; NEURON_RT_DBG_DUMP_INPUTS_ON_ERR=1006 writes it to a file",
     Retry::no, false},
    {1100, "NRT_COLL_PENDING", StatusCode::unavailable, "a collective operation is not done yet",
     "ask again", Retry::soon, false},
    {1200, "NRT_EXEC_HW_ERR_COLLECTIVES", StatusCode::unavailable,
     "stuck in a collective operation; another core may have died first",
     "look at the other cores' errors, then start a new process", Retry::no, true},
    {1201, "NRT_EXEC_HW_ERR_HBM_UE", StatusCode::unavailable,
     "device memory has an error that cannot be corrected", kReplace, Retry::no, true},
    {1202, "NRT_EXEC_HW_ERR_NC_UE", StatusCode::unavailable,
     "on-chip memory of the core has a parity error", kReplace, Retry::no, true},
    {1203, "NRT_EXEC_HW_ERR_DMA_ABORT", StatusCode::unavailable, "a DMA engine gave up", kReplace,
     Retry::no, true},
    {1204, "NRT_EXEC_SW_NQ_OVERFLOW", StatusCode::unavailable,
     "the queue of notifications ran over", "start with NEURON_RT_ENABLE_DGE_NOTIFICATIONS=0",
     Retry::no, false},
    {1205, "NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE", StatusCode::unavailable,
     "device memory has an error that a reset repairs",
     "reload the driver (rmmod neuron; modprobe neuron) or reboot", Retry::no, true},
    {1206, "NRT_NETWORK_PROXY_FAILURE", StatusCode::unavailable, "the network proxy failed",
     kRestart, Retry::no, false},
};

}  // namespace

std::span<const StatusInfo> known_statuses() { return kStatuses; }

const StatusInfo* find_status(StatusValue value) {
  const auto found = std::ranges::lower_bound(kStatuses, value, {}, &StatusInfo::value);
  return found != std::end(kStatuses) && found->value == value ? &*found : nullptr;
}

std::string status_name(StatusValue value) {
  const StatusInfo* info = find_status(value);
  return info != nullptr ? fmt::format("{} ({})", info->name, value)
                         : fmt::format("status {}", value);
}

bool is_sticky(StatusValue value) {
  const StatusInfo* info = find_status(value);
  return info != nullptr && info->sticky;
}

bool may_retry_soon(StatusValue value) {
  const StatusInfo* info = find_status(value);
  return info != nullptr && info->retry == Retry::soon;
}

Status to_status(StatusValue value, std::string_view what) {
  if (value == kSuccess) return ok_status();
  const StatusInfo* info = find_status(value);
  if (info == nullptr) {
    return {
        StatusCode::unavailable,
        fmt::format("{}: status {}, which this version does not know; see the lines that libnrt "
                    "wrote",
                    what, value)};
  }
  return {info->code,
          fmt::format("{}: {} ({}): {}; {}", what, info->name, value, info->meaning, info->advice)};
}

}  // namespace ix::backend::neuron::nrt
