// INDRNN_API marks what the shared library exports; everything else in it stays hidden.
// On Windows, define INDRNN_STATIC when linking the static library (the CMake target does).
#pragma once

#if !defined(_WIN32)
#define INDRNN_API __attribute__((visibility("default")))
#elif defined(INDRNN_STATIC)
#define INDRNN_API
#elif defined(INDRNN_BUILDING)
#define INDRNN_API __declspec(dllexport)
#else
#define INDRNN_API __declspec(dllimport)
#endif
