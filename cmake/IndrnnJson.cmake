# nlohmann/json, header only, seen by this project's own sources alone. Sets INDRNN_JSON_INCLUDE_DIR.
# From the system (Debian: nlohmann-json3-dev), or from the Python package nlohmann-json.

set(INDRNN_JSON_INCLUDE_DIR "" CACHE PATH "Folder that holds nlohmann/json.hpp")
if(NOT INDRNN_JSON_INCLUDE_DIR)
  indrnn_python_package_dir(json_package nlohmann_json)
  find_path(json_folder nlohmann/json.hpp HINTS "${json_package}/include" NO_CACHE)
  if(NOT json_folder)
    find_package(nlohmann_json 3.10 CONFIG QUIET)
    if(TARGET nlohmann_json::nlohmann_json)
      get_target_property(json_folder nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
    else()
      message(FATAL_ERROR "nlohmann/json.hpp was not found: install nlohmann-json3-dev (Debian) or the Python package "
                          "nlohmann-json, or set INDRNN_JSON_INCLUDE_DIR.")
    endif()
  endif()
  set_property(CACHE INDRNN_JSON_INCLUDE_DIR PROPERTY VALUE "${json_folder}")
endif()
