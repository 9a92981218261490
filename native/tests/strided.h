// Tensors with any layout in memory that a caller may choose, and the random numbers that choose the layout.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "../arguments.h"

// Random numbers that are the same for the same seed with any standard library.
class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  int64_t below(int64_t end) { return static_cast<int64_t>(bits_() % static_cast<uint64_t>(end)); }
  int64_t from_to(int64_t first, int64_t last) { return first + below(last - first + 1); }
  bool one_in(int64_t count) { return below(count) == 0; }
  double uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  template <typename T>
  T any_of(std::initializer_list<T> all) {
    return all.begin()[below(static_cast<int64_t>(all.size()))];
  }

 private:
  std::mt19937_64 bits_;
};

// A tensor with its dimensions in any order, with gaps of NaN between rows, and with some dimensions expanded; its
// memory ends where the tensor ends.
class Strided {
 public:
  // Stores (batch, heads, tokens, width) numbers in memory; afterwards `numbers` holds what the memory holds.
  void place(Random& random, const int64_t (&sizes)[3], int64_t width, bool bfloat16, std::vector<double>& numbers);
  // A random place in memory, perhaps in a gap.
  void overwrite(Random& random, float number);

  Tensor tensor{};
  std::string layout;

 private:
  std::vector<unsigned char> memory_;
  bool bfloat16_ = false;
};
