// Which process has which core: one locked file a core, given back when its holder dies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fake_neuron/libnrt/settings.h"

namespace ix::fake_nrt {

class CoreOwnership {
 public:
  CoreOwnership() = default;
  CoreOwnership(const CoreOwnership&) = delete;
  CoreOwnership& operator=(const CoreOwnership&) = delete;
  ~CoreOwnership() { release(); }

  // Takes cores of the instance; false where they are not free. The cores that were asked for, or
  // the first consecutive ones that are free.
  bool claim(const std::string& directory, int cores, const CoreRequest& request);
  void release();
  int count() const { return static_cast<int>(held_.size()); }
  int first() const { return first_; }

 private:
  bool claim_range(const std::string& directory, int first, int count);

  std::vector<int> held_;  // locked files
  int first_ = 0;
};

}  // namespace ix::fake_nrt
