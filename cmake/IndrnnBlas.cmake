# Finds the library of matrix products and makes the imported target indrnn::blas. Sets
#   INDRNN_BLAS_KIND     scipy-openblas | system
#   INDRNN_BLAS_RPATH    folder of a shared BLAS that lies outside the system's folders, else empty
# Installed beside the package configuration too: users of the static library link the same BLAS through it.

if(TARGET indrnn::blas)
  return()
endif()

set(INDRNN_SCIPY_OPENBLAS_DIR "" CACHE PATH "Folder of the scipy_openblas32 package (holds include/ and lib/)")
set(INDRNN_BLAS_RPATH "")

function(indrnn_blas_from_scipy folder)
  find_library(INDRNN_SCIPY_OPENBLAS_LIBRARY NAMES scipy_openblas PATHS "${folder}/lib" NO_DEFAULT_PATH NO_CACHE)
  if(NOT INDRNN_SCIPY_OPENBLAS_LIBRARY)
    message(FATAL_ERROR "No libscipy_openblas in \"${folder}/lib\": install the Python package scipy-openblas32, "
                        "or set INDRNN_SCIPY_OPENBLAS_DIR to its folder.")
  endif()
  add_library(indrnn::blas INTERFACE IMPORTED GLOBAL)
  # cblas.h of this package declares every function under the prefix that it exports.
  set_target_properties(indrnn::blas PROPERTIES
    INTERFACE_LINK_LIBRARIES "${INDRNN_SCIPY_OPENBLAS_LIBRARY}"
    INTERFACE_COMPILE_DEFINITIONS "INDRNN_BLAS_PREFIX=scipy_"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${folder}/include"
    INTERFACE_INCLUDE_DIRECTORIES "${folder}/include")
  set(INDRNN_BLAS_RPATH "${folder}/lib" PARENT_SCOPE)
endfunction()

function(indrnn_blas_from_system)
  find_package(BLAS QUIET)
  if(NOT BLAS_FOUND)
    message(FATAL_ERROR "No BLAS was found: install one with its development files (Debian: libopenblas-dev) or the "
                        "Python package scipy-openblas32, or set INDRNN_SCIPY_OPENBLAS_DIR to that package's folder.")
  endif()
  # Debian's and Fedora's OpenBLAS keep cblas.h in folders of their own.
  find_path(INDRNN_CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas openblas-pthread cblas flexiblas)
  if(NOT INDRNN_CBLAS_INCLUDE_DIR)
    message(FATAL_ERROR "A BLAS was found (${BLAS_LIBRARIES}) but no cblas.h: install its development package "
                        "(Debian: libopenblas-dev), or set INDRNN_CBLAS_INCLUDE_DIR.")
  endif()
  include(CheckCXXSymbolExists)
  set(CMAKE_REQUIRED_LIBRARIES ${BLAS_LIBRARIES})
  set(CMAKE_REQUIRED_INCLUDES "${INDRNN_CBLAS_INCLUDE_DIR}")
  check_cxx_symbol_exists(cblas_sgemm cblas.h INDRNN_BLAS_HAS_CBLAS)
  set(libraries ${BLAS_LIBRARIES})
  if(NOT INDRNN_BLAS_HAS_CBLAS)
    find_library(INDRNN_CBLAS_LIBRARY cblas REQUIRED)
    list(PREPEND libraries "${INDRNN_CBLAS_LIBRARY}")
  endif()
  add_library(indrnn::blas INTERFACE IMPORTED GLOBAL)
  set_target_properties(indrnn::blas PROPERTIES
    INTERFACE_LINK_LIBRARIES "${libraries}"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${INDRNN_CBLAS_INCLUDE_DIR}"
    INTERFACE_INCLUDE_DIRECTORIES "${INDRNN_CBLAS_INCLUDE_DIR}")
endfunction()

set(scipy_folder "${INDRNN_SCIPY_OPENBLAS_DIR}")
if(NOT scipy_folder AND NOT INDRNN_BLAS STREQUAL "system" AND COMMAND indrnn_python_package_dir)
  indrnn_python_package_dir(scipy_folder scipy_openblas32)
endif()

if(INDRNN_BLAS STREQUAL "scipy-openblas" OR (INDRNN_BLAS STREQUAL "auto" AND scipy_folder))
  set(INDRNN_BLAS_KIND "scipy-openblas")
  indrnn_blas_from_scipy("${scipy_folder}")
elseif(INDRNN_BLAS STREQUAL "system" OR INDRNN_BLAS STREQUAL "auto")
  set(INDRNN_BLAS_KIND "system")
  indrnn_blas_from_system()
else()
  message(FATAL_ERROR "INDRNN_BLAS must be auto, scipy-openblas or system, got \"${INDRNN_BLAS}\".")
endif()
message(STATUS "indrnn_engine: matrix products by ${INDRNN_BLAS_KIND} ${INDRNN_BLAS_RPATH}")
