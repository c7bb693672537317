# ix_library(NAME sources... DEPS libraries...): a static library of one folder, alias ix::NAME.
function(ix_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(ix_${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  add_library(ix::${name} ALIAS ix_${name})
  target_include_directories(ix_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(ix_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS} ix_flags)
endfunction()

# Whether tests of a label are built and registered. Labels (their budgets are in docs/testing.md): unit,
# model, and of devices xla, matrix, large.
function(ix_wanted_label label result)
  set(wanted ON)
  if(NOT IX_DEVICE_TESTS AND label MATCHES "^(xla|matrix|large)$")
    set(wanted OFF)
  endif()
  set(${result} ${wanted} PARENT_SCOPE)
endfunction()

# ix_test(NAME sources... DEPS libraries... LABEL unit): a GoogleTest binary, one ctest test a case of
# those that GoogleTest's FILTER lets pass, named PREFIX and what GoogleTest calls it.
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
                        ${RAPIDCHECK_LIBRARY} ix_test_paths ix_flags)
  ix_wanted_label(${ARG_LABEL} wanted)
  if(NOT wanted)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
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
  ix_wanted_label(${ARG_LABEL} wanted)
  if(NOT wanted)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
