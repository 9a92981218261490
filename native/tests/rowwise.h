// Random calls of what is computed for each row alone, against the naive computation.
#pragma once

#include <cstdint>
#include <string>

// Returns what is wrong in the case of a seed; empty if nothing is.
std::string wrong_rowwise(uint64_t seed);
