#include "model/findings.h"

namespace ix::model {

void Findings::add(Status status) {
  if (!status.ok()) statuses_.push_back(std::move(status));
}

Status Findings::first() const { return statuses_.empty() ? ok_status() : statuses_.front(); }

}  // namespace ix::model
