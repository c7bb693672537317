// Everything found wrong with a file, in the order of finding: the first stops a build, all of them
// are shown to a person who asks why a file does not run.
#pragma once

#include <vector>

#include "base/result.h"

namespace ix::model {

class Findings {
 public:
  void add(Status status);
  bool empty() const { return statuses_.empty(); }
  Status first() const;  // ok when there is none
  const std::vector<Status>& all() const { return statuses_; }

 private:
  std::vector<Status> statuses_;
};

}  // namespace ix::model
