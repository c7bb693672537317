// The chat in a terminal.
#pragma once

#include "chat/chat_template.h"
#include "run_options.h"
#include "session.h"

namespace ix::cli {

// Reads turns until the end of input, /exit, or a second Ctrl-C; returns the exit code.
int chat_loop(Session& session, const RunOptions& options, const chat::ChatTemplate& chat_template);

}  // namespace ix::cli
