# Finds cuBLAS and makes the imported target indrnn::cublas: the toolkit's, or that of the Python package nvidia-cublas.
# INDRNN_CUBLAS_DIR names the package's folder (it holds include/ and lib/) where it is not found.
# Sets INDRNN_CUBLAS_RPATH, the folder of a library that lies outside the system's folders, else empty.

set(INDRNN_CUBLAS_DIR "" CACHE PATH "Folder of nvidia-cublas (holds include/cublas_v2.h and lib/)")
set(INDRNN_CUBLAS_RPATH "")
add_library(indrnn::cublas INTERFACE IMPORTED GLOBAL)

if(NOT INDRNN_CUBLAS_DIR AND TARGET CUDA::cublas)
  set_target_properties(indrnn::cublas PROPERTIES INTERFACE_LINK_LIBRARIES CUDA::cublas)
  message(STATUS "indrnn_engine: cuBLAS of the toolkit")
  return()
endif()

set(cublas_folders "${INDRNN_CUBLAS_DIR}")
indrnn_python_package_dir(nvidia_folder nvidia)
if(nvidia_folder)
  list(APPEND cublas_folders "${nvidia_folder}/cu${CUDAToolkit_VERSION_MAJOR}" "${nvidia_folder}/cublas")
endif()
find_path(INDRNN_CUBLAS_INCLUDE_DIR cublas_v2.h PATHS ${cublas_folders} PATH_SUFFIXES include NO_DEFAULT_PATH)
# The package has no link without a version number.
find_library(INDRNN_CUBLAS_LIBRARY NAMES "libcublas.so.${CUDAToolkit_VERSION_MAJOR}" PATHS ${cublas_folders}
             PATH_SUFFIXES lib NO_DEFAULT_PATH)
if(NOT INDRNN_CUBLAS_INCLUDE_DIR OR NOT INDRNN_CUBLAS_LIBRARY)
  message(FATAL_ERROR "cuBLAS ${CUDAToolkit_VERSION_MAJOR} was not found: install it with the CUDA toolkit, or the Python "
                      "package nvidia-cublas, or set INDRNN_CUBLAS_DIR.")
endif()
get_filename_component(INDRNN_CUBLAS_RPATH "${INDRNN_CUBLAS_LIBRARY}" DIRECTORY)
set_target_properties(indrnn::cublas PROPERTIES
  INTERFACE_LINK_LIBRARIES "${INDRNN_CUBLAS_LIBRARY}"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${INDRNN_CUBLAS_INCLUDE_DIR}"
  INTERFACE_INCLUDE_DIRECTORIES "${INDRNN_CUBLAS_INCLUDE_DIR}")
message(STATUS "indrnn_engine: cuBLAS ${INDRNN_CUBLAS_LIBRARY}")
