# How every target of this project is compiled: C++20, optimised by default, warnings, sanitizers.

set(indrnn_kernel_optimisation -O3)
set(indrnn_build_type Release)
if(INDRNN_SANITIZE)
  set(indrnn_kernel_optimisation -O1)
  set(indrnn_build_type Debug)  # with assertions
endif()
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE ${indrnn_build_type} CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

find_package(Threads REQUIRED)

if(INDRNN_SANITIZE)
  list(JOIN INDRNN_SANITIZE "," sanitizers)
  # On the whole tree: code with and without a sanitizer must not be mixed.
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=${sanitizers})
endif()

function(indrnn_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
                                             CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 $<$<BOOL:${INDRNN_WERROR}>:/WX>)
  else()
    target_compile_options(${target} PRIVATE -Wall -Wextra $<$<BOOL:${INDRNN_WERROR}>:-Werror>)
  endif()
endfunction()

# indrnn_add_kernels(<isa> <out-variable> [flags...]): the files of cpp/src/backend/cpu/kernels compiled for one
# instruction set, as the object library indrnn_kernels_<isa>; INDRNN_ISA names it, and the namespace, in the code.
function(indrnn_add_kernels isa)
  file(GLOB kernels CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/cpp/src/backend/cpu/kernels/*.cpp")
  if(NOT kernels)
    return()
  endif()
  set(target indrnn_kernels_${isa})
  add_library(${target} OBJECT ${kernels})
  indrnn_compile_options(${target})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/cpp/include" "${PROJECT_SOURCE_DIR}/cpp/src")
  target_compile_definitions(${target} PRIVATE INDRNN_BUILDING INDRNN_ISA=${isa})
  if(NOT MSVC)
    target_compile_options(${target} PRIVATE ${indrnn_kernel_optimisation} -fno-math-errno -fno-trapping-math ${ARGN})
  endif()
endfunction()
