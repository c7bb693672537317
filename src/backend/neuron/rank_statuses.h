// What the answers of all cores come to.
#pragma once

#include <string_view>

#include "backend/neuron/cores.h"
#include "backend/neuron/session.h"

namespace ix::backend::neuron {

// Ok where all cores ended well, else the first failure, or why the session is dead. Where a core
// has not ended, its thread is left behind and the session ends: with the failure of another core,
// or deadline_exceeded.
Status settle(Session& session, const RankStatuses& statuses, std::string_view what);

}  // namespace ix::backend::neuron
