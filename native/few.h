// The rows of a call with few queries, as the library stores them between the waves of a walk.
#pragma once

#include <cstdint>

constexpr int64_t FEW = 4;       // largest number of queries for which this pays
constexpr int64_t RANGE = 2048;  // keys that are walked in one piece; a multiple of a tile

// The sums of a row, over one range or over all ranges so far.
struct Found {
  float newer, largest, total;
  int32_t last_tile;
  bool done;
  float* output;
};

struct FewRow {
  int32_t position, document, oldest;
  float gate, limit, reach, series;
  bool safe;  // needs no running maximum
  float* query;
  Found found;
};
