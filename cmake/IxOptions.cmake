# Build options and the flags that every target of ours gets.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set_property(GLOBAL PROPERTY USE_FOLDERS ON)

option(IX_BUILD_TESTS "Build the tests" ON)
option(IX_DEVICE_TESTS "Build the tests of devices: XLA and the fakes of Neuron" ON)
option(IX_KERNELS_ONLY "Build base, quant and the CPU kernels only" OFF)
option(IX_WERROR "Warnings of our own code are errors" ON)
set(IX_PYTHON "${PROJECT_SOURCE_DIR}/.venv/bin/python" CACHE FILEPATH
    "Python with scripts/requirements.txt, for tests")
set(IX_SANITIZE "" CACHE STRING "Sanitizers for everything: address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(IX_CCACHE "Compile through ccache where it is installed" ON)
find_program(CCACHE ccache)
if(IX_CCACHE AND CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(ix_flags INTERFACE)
target_compile_options(ix_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                       -Wno-missing-field-initializers $<$<BOOL:${IX_WERROR}>:-Werror>)
if(IX_SANITIZE)
  # Instrumented code confuses g++ 12's search for variables that are read before they are set.
  target_compile_options(ix_flags INTERFACE -Wno-maybe-uninitialized)
  add_compile_options(-fsanitize=${IX_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${IX_SANITIZE})
endif()
