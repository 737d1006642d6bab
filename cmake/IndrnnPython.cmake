# indrnn_python_package_dir(<out> <module>): the folder of an installed Python module, or "" where there is none.
# Some of the build's libraries are published as Python packages; they are looked up, never imported.

find_package(Python 3.10 QUIET COMPONENTS Interpreter)

function(indrnn_python_package_dir out module)
  set(${out} "" PARENT_SCOPE)
  if(NOT Python_Interpreter_FOUND)
    return()
  endif()
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
            "import importlib.util as u; s = u.find_spec('${module}'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status ERROR_QUIET)
  if(status EQUAL 0 AND folder)
    file(TO_CMAKE_PATH "${folder}" folder)
    set(${out} "${folder}" PARENT_SCOPE)
  endif()
endfunction()
