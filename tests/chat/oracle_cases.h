// Cases that Python's jinja2 rendered, read from render_oracle.py's output.
#pragma once

#include <string>
#include <vector>

#include "chat/chat_template.h"

namespace ix::chat {

struct OracleCase {
  std::string name;
  std::string source;
  RenderInput input;
  bool fails = false;
  bool own_words = false;  // from raise_exception
  std::string expected;    // output, or the error where it fails
};

// Runs render_oracle.py `kind` `source`; empty where it fails, whose words are on stderr.
std::vector<OracleCase> run_oracle(const std::string& kind, const std::string& source);

// Empty where rendering agrees with the oracle; else what differs.
std::string difference(const OracleCase& expected);

}  // namespace ix::chat
