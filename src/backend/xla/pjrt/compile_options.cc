#include "backend/xla/pjrt/compile_options.h"

#include "backend/xla/pjrt/proto_writer.h"
#include "base/check.h"

namespace ix::backend::xla::pjrt {
namespace {

// Field numbers: xla/pjrt/proto/compile_options.proto and xla/xla_data.proto.
constexpr int kExecutableBuildOptions = 3;  // of CompileOptionsProto

constexpr int kNumReplicas = 4;  // of ExecutableBuildOptionsProto
constexpr int kNumPartitions = 5;
constexpr int kDeviceAssignment = 9;

constexpr int kReplicaCount = 1;  // of DeviceAssignmentProto
constexpr int kComputationCount = 2;
constexpr int kComputationDevices = 3;
constexpr int kReplicaDeviceIds = 1;  // of DeviceAssignmentProto.ComputationDevice

}  // namespace

std::string compile_options(std::span<const int> device_ids) {
  IX_CHECK(!device_ids.empty());
  ProtoWriter devices;
  for (const int id : device_ids) devices.integer(kReplicaDeviceIds, static_cast<uint64_t>(id));
  ProtoWriter assignment;
  assignment.integer(kReplicaCount, device_ids.size())
      .integer(kComputationCount, 1)
      .message(kComputationDevices, devices);
  ProtoWriter build;
  build.integer(kNumReplicas, device_ids.size())
      .integer(kNumPartitions, 1)
      .message(kDeviceAssignment, assignment);
  return ProtoWriter().message(kExecutableBuildOptions, build).bytes();
}

}  // namespace ix::backend::xla::pjrt
