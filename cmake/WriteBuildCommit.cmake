# Writes OUTPUT, a header with the short name of the commit checked out in SOURCE.
execute_process(COMMAND git rev-parse --short HEAD WORKING_DIRECTORY ${SOURCE}
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(WRITE ${OUTPUT} "#pragma once

inline constexpr const char* kBuildCommit = \"${commit}\";
")
