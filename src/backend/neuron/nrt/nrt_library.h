// libnrt, loaded when it is needed.
#pragma once

#include <memory>
#include <string>

#include "backend/neuron/nrt/nrt_abi.h"
#include "base/result.h"

namespace ix::backend::neuron::nrt {

class Library {
 public:
  // `path`; where it is empty, IX_LIBNRT; where that is unset, libnrt.so.1 as the loader finds it,
  // then in /opt/aws/neuron/lib. Calls nothing but nrt_get_version.
  // not_found: no such library. unsupported: a function is missing, or the version is not one that
  // programs can be trusted to.
  static Result<std::shared_ptr<const Library>> load(const std::string& path = {});

  const Functions& functions() const { return functions_; }
  const Version& version() const { return version_; }
  // "2.34.10.0"
  std::string version_text() const;
  const std::string& path() const { return path_; }

 private:
  Library() = default;

  Functions functions_;
  Version version_{};
  std::string path_;
};

}  // namespace ix::backend::neuron::nrt
