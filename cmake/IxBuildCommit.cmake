# ix_build_commit(TARGET): build_commit.h with kBuildCommit, the commit that is checked out ("unknown"
# outside git). The log of HEAD grows with every commit and checkout, so nothing older is built in.
function(ix_build_commit target)
  set(log "")
  execute_process(COMMAND git rev-parse --path-format=absolute --git-path logs/HEAD
                  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE log
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT EXISTS "${log}")
    set(log "")
  endif()
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/build_commit)
  set(script ${PROJECT_SOURCE_DIR}/cmake/WriteBuildCommit.cmake)
  add_custom_command(
    OUTPUT ${directory}/build_commit.h
    COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -D OUTPUT=${directory}/build_commit.h
            -P ${script}
    DEPENDS ${log} ${script}
    VERBATIM)
  # What clang-tidy needs built.
  add_custom_target(${target}_generated DEPENDS ${directory}/build_commit.h)
  target_sources(${target} PRIVATE ${directory}/build_commit.h)
  target_include_directories(${target} PRIVATE ${directory})
endfunction()
