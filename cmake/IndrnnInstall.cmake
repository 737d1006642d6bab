# cmake --install: library, headers, package configuration (find_package) and pkg-config file, all relocatable.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(indrnn_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/indrnn_engine")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/cpp/include/indrnn" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
# One export set per library: a package built without the other one is complete all the same.
foreach(kind shared static)
  if(kind STREQUAL "static")
    set(target indrnn_engine_static)
  else()
    set(target indrnn_engine)
  endif()
  if(TARGET ${target})
    install(TARGETS ${target} EXPORT indrnn_engine_${kind}
            RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
            LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
            ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT indrnn_engine_${kind} NAMESPACE indrnn:: DESTINATION "${indrnn_cmake_dir}")
  endif()
endforeach()

# Where users of the static library find its BLAS again; looked for anew if it is not there.
set(indrnn_blas_lib_dir "${INDRNN_BLAS_RPATH}")
if(SKBUILD)
  set(indrnn_blas_lib_dir "")
endif()
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/indrnn_engineConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/indrnn_engineConfig.cmake" INSTALL_DESTINATION "${indrnn_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/indrnn_engineConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/indrnn_engineConfig.cmake"
              "${PROJECT_BINARY_DIR}/indrnn_engineConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/IndrnnBlas.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/IndrnnPython.cmake"
        DESTINATION "${indrnn_cmake_dir}")

# pkg-config finds the prefix from where its file lies, however many folders CMAKE_INSTALL_LIBDIR has.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
           OUTPUT_VARIABLE indrnn_pc_includedir)
set(indrnn_pc_private "-pthread -lstdc++ -lm")
if(SKBUILD)
  set(indrnn_pc_private "")  # a wheel holds the shared library alone
elseif(INDRNN_BLAS_RPATH)
  string(PREPEND indrnn_pc_private "-L${INDRNN_BLAS_RPATH} -Wl,-rpath,${INDRNN_BLAS_RPATH} -lscipy_openblas ")
else()
  list(JOIN BLAS_LIBRARIES " " indrnn_pc_blas)
  string(PREPEND indrnn_pc_private "${indrnn_pc_blas} ")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/indrnn_engine.pc.in" "${PROJECT_BINARY_DIR}/indrnn_engine.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/indrnn_engine.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
