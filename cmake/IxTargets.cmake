# ix_library(NAME sources... DEPS libraries...): a static library of one folder, alias ix::NAME.
function(ix_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(ix_${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  add_library(ix::${name} ALIAS ix_${name})
  target_include_directories(ix_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(ix_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS} ix_flags)
endfunction()

# ix_test(NAME sources... DEPS libraries... LABEL unit): a GoogleTest binary, one ctest test a case of
# those that GoogleTest's FILTER lets pass, named PREFIX and what GoogleTest calls it.
# Labels (their budgets are in docs/testing.md): unit, xla, matrix, model, large, tool.
function(ix_test name)
  cmake_parse_arguments(ARG "" "FILTER;LABEL;PREFIX;TIMEOUT" "DEPS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main
                        ${RAPIDCHECK_LIBRARY} ix_flags)
  target_compile_definitions(${name} PRIVATE
    IX_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data" IX_CACHE_DIR="${PROJECT_SOURCE_DIR}/.cache")
  set(filter "")
  if(ARG_FILTER)
    set(filter TEST_FILTER ${ARG_FILTER})
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 ${filter}
                       TEST_PREFIX "${ARG_PREFIX}"
                       PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# ix_script_test(NAME LABEL unit COMMAND ...): a ctest test that runs a command.
function(ix_script_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
