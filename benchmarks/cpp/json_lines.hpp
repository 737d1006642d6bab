// Command line and answers of a benchmark worker.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>

namespace indrnn::benchmarks {

// Reads "--name number" pairs over the given defaults; throws for an unknown name.
inline void read_numbers(int argc, char** argv, int first, std::map<std::string, std::int64_t>& values) {
  for (int i = first; i < argc; i += 2) {
    if (!values.contains(argv[i]) || i + 1 == argc) {
      throw std::invalid_argument(std::string("unknown argument or no value: ") + argv[i]);
    }
    values[argv[i]] = std::stoll(argv[i + 1]);
  }
}

template <class Values>
void print_list(const char* name, const Values& values) {
  std::printf("{\"%s\": [", name);
  const char* separator = "";
  for (const double value : values) {
    std::printf("%s%.9f", separator, value);
    separator = ", ";
  }
  std::printf("]}\n");
  std::fflush(stdout);
}

inline void print_number(const char* name, double value, int digits = 9) {
  std::printf("{\"%s\": %.*f}\n", name, digits, value);
  std::fflush(stdout);
}

}  // namespace indrnn::benchmarks
