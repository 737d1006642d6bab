# cmake -DNM=nm -DISA=avx512 -DOBJECTS=a.o|b.o -P check_kernel_symbols.cmake
# Every function that kernels compiled for an instruction set define must lie in that set's namespace. A shared inline
# function (say, of the standard library) would be merged with the one of other files by the linker, and might be the
# copy that older processors cannot run.

string(REPLACE "|" ";" objects "${OBJECTS}")
set(foreign "")
foreach(object IN LISTS objects)
  execute_process(COMMAND "${NM}" -C --defined-only "${object}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "," symbols "${symbols}")
  string(REPLACE "\n" ";" symbols "${symbols}")
  foreach(symbol IN LISTS symbols)
    if(symbol MATCHES "^[0-9a-f]+ [TWVu] (.*)$")
      set(name "${CMAKE_MATCH_1}")
      if(NOT name MATCHES "::${ISA}::" AND NOT name MATCHES "^DW\\.ref\\.")
        list(APPEND foreign "${name}")
      endif()
    endif()
  endforeach()
endforeach()
if(foreign)
  list(JOIN foreign "\n  " lines)
  message(FATAL_ERROR "Kernels for ${ISA} define functions outside of their namespace:\n  ${lines}")
endif()
