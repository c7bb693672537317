# The library with its headers, found by find_package(InferenceX) and pkg-config inferencex.
#   cmake --install build/release --component inferencex --prefix DIR
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/InferenceX)
install(TARGETS inferencex EXPORT InferenceXTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT inferencex
                NAMELINK_COMPONENT inferencex)
install(DIRECTORY include/ix DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT inferencex
        FILES_MATCHING PATTERN "*.h")
install(EXPORT InferenceXTargets NAMESPACE InferenceX:: DESTINATION ${package_dir}
        COMPONENT inferencex)

configure_package_config_file(cmake/InferenceXConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/InferenceXConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/InferenceXConfigVersion.cmake
                                 COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/InferenceXConfig.cmake
              ${PROJECT_BINARY_DIR}/InferenceXConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT inferencex)

# Relative to the file itself, so that an installed tree may be moved.
file(RELATIVE_PATH IX_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/inferencex.pc.in ${PROJECT_BINARY_DIR}/inferencex.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/inferencex.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT inferencex)
