# fmt::fmt from fmt's headers alone: Debian has no static library of it.
find_path(FMT_INCLUDE_DIR fmt/format.h REQUIRED)
add_library(fmt::fmt INTERFACE IMPORTED)
set_target_properties(fmt::fmt PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${FMT_INCLUDE_DIR}" INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY)
