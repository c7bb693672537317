#include "backend/xla/hlo/parse_module.h"

#include <google/protobuf/stubs/logging.h>

#include <limits>

namespace ix::backend::xla::hlo {

Result<ix::hlo::HloModuleProto> parse_module(std::string_view bytes) {
  const google::protobuf::LogSilencer silencer;  // the Status says it
  ix::hlo::HloModuleProto module;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !module.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return corrupt("these bytes are no HloModuleProto");
  }
  return module;
}

}  // namespace ix::backend::xla::hlo
