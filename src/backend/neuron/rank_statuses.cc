#include "backend/neuron/rank_statuses.h"

#include <fmt/format.h>

namespace ix::backend::neuron {

Status settle(Session& session, const RankStatuses& statuses, std::string_view what) {
  Status failure;
  bool all_ended = true;
  for (const std::optional<Status>& status : statuses) {
    if (!status.has_value()) {
      all_ended = false;
    } else if (failure.ok()) {
      failure = *status;
    }
  }
  if (all_ended) {
    const Status death = session.alive();
    return failure.ok() || death.ok() ? failure : death;
  }
  Status ending =
      failure.ok()
          ? Status(StatusCode::deadline_exceeded,
                   fmt::format("{}: a core did not answer in time; end this process and start a "
                               "new one",
                               what))
          : Status(failure.code(), failure.message() +
                                       " (the other cores still wait for this one, so this process "
                                       "cannot go on)");
  session.leave_behind();
  session.die(ending);
  return session.alive();
}

}  // namespace ix::backend::neuron
