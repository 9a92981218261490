// Random calls of the kernels; every array ends at the end of its memory, so that sanitizers see reads beyond it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "naive.h"
#include "strided.h"

class Case {
 public:
  explicit Case(uint64_t seed);
  Case(const Case&) = delete;  // the arguments point into it

  std::string description() const;

  Arguments arguments{};
  Inputs inputs;
  bool broken = false;  // true if some number is NaN or infinite
  bool gate_above_one = false;
  // The results hold NaN until the kernels write them.
  std::vector<float> output, largest, total, visited, d_query, d_key, d_value, d_log_forget, d_forgotten, d_bias,
      d_offset, d_sink, d_slopes, d_intercepts, d_distance, d_length;
  int32_t finding = 0;

 private:
  void draw_sizes();
  void draw_options();
  void draw_documents();
  void draw_queries_and_keys();
  void draw_the_rest();
  void draw_gates();
  void draw_biases();
  void draw_curve();
  void draw_segments(const std::vector<float>& knots, double end);
  void break_something();
  void allocate_results();
  template <typename Number, typename Factor>
  std::vector<double> rows_of(int64_t rows, Number number, Factor factor) const;
  int64_t rows() const { return arguments.batch * arguments.heads * arguments.queries; }
  int64_t key_rows() const { return arguments.batch * arguments.kv_heads * arguments.keys; }

  Random random_;
  std::string kind_;
  Strided query_, key_, value_;
  std::vector<float> log_forget_, gradient_, bias_, highest_bias_, offset_, sink_, knots_, slopes_, intercepts_,
      beyond_, distance_, length_;
  std::vector<double> forgotten_;
  std::vector<int32_t> document_, oldest_;
};
