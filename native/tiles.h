// Tiles of rows, packed if their layout in memory needs it, and the two matrix products that all passes are made of.
#pragma once

#include "arguments.h"
#include "lanes.h"

namespace LENGTHWISE_PATH {

constexpr int TILE = 64;  // keys in a tile; in every call tiles start at multiples of TILE

inline int64_t padded(int64_t width) { return (width + GROUP - 1) / GROUP * GROUP; }

// The rows of one head.
struct Rows {
  const void* data;
  int64_t stride, width;
  bool bfloat16;

  Rows(const Tensor& tensor, const Arguments& of, int64_t batch, int64_t head)
      : stride(tensor.token), width(of.width), bfloat16(of.bfloat16 != 0) {
    const int64_t start = batch * tensor.batch + head * tensor.head;
    data = static_cast<const char*>(tensor.data) + start * (bfloat16 ? 2 : 4);
  }
  Rows(const float* contiguous, int64_t width) : data(contiguous), stride(width), width(width), bfloat16(false) {}

  // WIDTH numbers of a row from a column on, with zeros beyond the row's end.
  Lanes lanes(int64_t row, int64_t column) const {
    return bfloat16 ? of<uint16_t>(row, column) : of<float>(row, column);
  }

 private:
  template <typename Number>
  Lanes of(int64_t row, int64_t column) const {
    const Number* from = static_cast<const Number*>(data) + row * stride + column;
    if (column + WIDTH <= width) return load(from);
    Number tail[WIDTH] = {};
    for (int64_t i = 0; column + i < width; ++i) tail[i] = from[i];
    return load(tail);
  }
};

// Fills to[row][column] for `count` rows: `valid` real rows, then rows of zeros; columns are padded with zeros.
inline void pack_rows(const Rows& rows, int64_t first, int valid, int count, float* to) {
  const int64_t width = padded(rows.width);
  for (int row = 0; row < count; ++row, to += width)
    for (int64_t column = 0; column < width; column += WIDTH)
      store(to + column, row < valid ? rows.lanes(first + row, column) : broadcast(0));
}

// Fills to[column][lane] with the sixteen rows given by their indices; a negative index gives zeros.
inline void pack_columns(const Rows& rows, const int64_t* index, float* to) {
  const int64_t width = padded(rows.width);
  bool all = !rows.bfloat16;
  for (int lane = 0; lane < GROUP; ++lane) all = all && index[lane] >= 0;
  const int64_t plain = all ? rows.width / WIDTH * WIDTH : 0;
  const float* data = static_cast<const float*>(rows.data);
  Lanes block[GROUP];
  for (int64_t column = 0; column < plain; column += WIDTH) {
#pragma GCC unroll 16
    for (int lane = 0; lane < GROUP; ++lane) block[lane] = load(data + index[lane] * rows.stride + column);
    transpose(block, to + column * GROUP);
  }
  for (int64_t column = plain; column < width; column += WIDTH) {
    for (int lane = 0; lane < GROUP; ++lane)
      block[lane] = index[lane] < 0 ? broadcast(0) : rows.lanes(index[lane], column);
    transpose(block, to + column * GROUP);
  }
}

// Writes a row of the result, row * by, without its padding.
inline void write_row(const float* row, float by, const Arguments& a, float* to) {
  Lanes zero = broadcast(0);
  for (int64_t d = 0; d < a.width; d += WIDTH) {
    const Lanes x = multiply(load(row + d), broadcast(by));
    zero = multiply_add(x, broadcast(0), zero);  // NaN if x is NaN or infinite
    if (d + WIDTH <= a.width) {
      store(to + d, x);
    } else {
      float tail[WIDTH];
      store(tail, x);
      for (int64_t i = 0; d + i < a.width; ++i) to[d + i] = tail[i];
    }
  }
  if (bits_of(at_most(zero, broadcast(0))) != (1u << WIDTH) - 1)
    __atomic_store_n(a.finding, static_cast<int32_t>(NOT_FINITE), __ATOMIC_RELAXED);
}

// TILE rows from `first` on: the rows in place if they are packed already, else packed into `buffer`.
inline const float* tile_of(const Rows& rows, int64_t first, int64_t total, float* buffer) {
  const bool packed = !rows.bfloat16 && rows.stride == rows.width && rows.width % GROUP == 0;
  if (packed && first + TILE <= total) return static_cast<const float*>(rows.data) + first * rows.stride;
  pack_rows(rows, first, static_cast<int>(smaller<int64_t>(TILE, total - first)), TILE, buffer);
  return buffer;
}

// to[g][row][lane] = sum over d of rows[row][d] * columns[g][d][lane].
//
// This is the only place where a product of a query and a key is computed, always in the order of d. The forward pass,
// the backward pass, any chunk of a prefill, and decoding therefore decide by the same bits whether a key is kept.
template <int ROWS, int GROUPS>
inline void products_of_rows(const float* rows, int64_t width, const float* const* columns, float* const* to) {
  Lanes sum[ROWS][GROUPS * PARTS];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < GROUPS * PARTS; ++c) sum[r][c] = broadcast(0);
  for (int64_t d = 0; d < width; ++d) {
    Lanes column[GROUPS * PARTS];
#pragma GCC unroll 8
    for (int c = 0; c < GROUPS * PARTS; ++c) column[c] = load(columns[c / PARTS] + d * GROUP + c % PARTS * WIDTH);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      const Lanes x = broadcast(rows[r * width + d]);
#pragma GCC unroll 8
      for (int c = 0; c < GROUPS * PARTS; ++c) sum[r][c] = multiply_add(x, column[c], sum[r][c]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < GROUPS * PARTS; ++c) store(to[c / PARTS] + r * GROUP + c % PARTS * WIDTH, sum[r][c]);
}

// How many rows are summed at once over `columns` registers: as many sums as registers hold beside the columns and one
// factor, but not more than hide the latency of an addition; at least one.
constexpr int rows_at_once(int columns) {
  const int room = (REGISTERS - columns - 1) / columns, enough = 16 / columns > 6 ? 16 / columns : 6;
  return room < 1 ? 1 : room < enough ? room : enough;
}

// The same for rows from `row` on, ROWS at once; returns the first row that is left.
template <int ROWS, int GROUPS>
inline int products_from(int row, const float* rows, int count, int64_t width, const float* const* columns,
                         float* const* to) {
  for (; row + ROWS <= count; row += ROWS) {
    float* out[GROUPS];
    for (int g = 0; g < GROUPS; ++g) out[g] = to[g] + row * GROUP;
    products_of_rows<ROWS, GROUPS>(rows + row * width, width, columns, out);
  }
  return row;
}

// The same for any number of rows: many at once, then four at once, then one by one.
template <int GROUPS>
inline void products(const float* rows, int count, int64_t width, const float* const* columns, float* const* to) {
  constexpr int ROWS = rows_at_once(GROUPS * PARTS);
  if (GROUPS > 1 && ROWS < 4 && count >= 4) {  // too few registers for the groups side by side
    for (int g = 0; g < GROUPS; ++g) products<1>(rows, count, width, columns + g, to + g);
    return;
  }
  int row = products_from<ROWS, GROUPS>(0, rows, count, width, columns, to);
  if (ROWS > 4) row = products_from<4, GROUPS>(row, rows, count, width, columns, to);
  products_from<1, GROUPS>(row, rows, count, width, columns, to);
}

// The factor of matrix row k in the sum for row r is at[r * row + k * step], for k below `steps`. The factors of the
// next `steps` rows of the matrix have the same layout from at + segment on, and so on.
struct Factors {
  const float* at;
  int64_t row, step;
  int steps, segments;
  int64_t segment;
};

// out[r][d] += sum over k of factor(r, k) * matrix[k][d], for ROWS rows and COLUMNS registers of d.
template <int ROWS, int COLUMNS>
inline void add_products_of_rows(const Factors& factors, const float* matrix, int64_t width, float* out) {
  Lanes sum[ROWS][COLUMNS];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < COLUMNS; ++c) sum[r][c] = broadcast(0);
  const float* segment = factors.at;
  for (int s = 0; s < factors.segments; ++s, segment += factors.segment) {
    const float* factor = segment;
    for (int k = 0; k < factors.steps; ++k, factor += factors.step, matrix += width) {
      Lanes row[COLUMNS];
#pragma GCC unroll 8
      for (int c = 0; c < COLUMNS; ++c) row[c] = load(matrix + c * WIDTH);
#pragma GCC unroll 16
      for (int r = 0; r < ROWS; ++r) {
        const Lanes x = broadcast(factor[r * factors.row]);
#pragma GCC unroll 8
        for (int c = 0; c < COLUMNS; ++c) sum[r][c] = multiply_add(x, row[c], sum[r][c]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < COLUMNS; ++c) {
      float* to = out + r * width + c * WIDTH;
      store(to, add(load(to), sum[r][c]));
    }
}

template <int ROWS, int COLUMNS>
inline int add_products_from(int row, Factors factors, int rows, const float* matrix, int64_t width, float* out) {
  factors.at += row * factors.row, out += row * width;
  for (; row + ROWS <= rows; row += ROWS, factors.at += ROWS * factors.row, out += ROWS * width)
    add_products_of_rows<ROWS, COLUMNS>(factors, matrix, width, out);
  return row;
}

template <int COLUMNS>
inline void add_products_of_columns(const Factors& factors, int rows, const float* matrix, int64_t width, float* out) {
  constexpr int ROWS = rows_at_once(COLUMNS);
  int row = add_products_from<ROWS, COLUMNS>(0, factors, rows, matrix, width, out);
  if (ROWS > 4) row = add_products_from<4, COLUMNS>(row, factors, rows, matrix, width, out);
  add_products_from<1, COLUMNS>(row, factors, rows, matrix, width, out);
}

// out += factors * matrix; out and matrix have `width` columns, a multiple of sixteen.
inline void add_products(const Factors& factors, int rows, const float* matrix, int64_t width, float* out) {
  constexpr int COLUMNS = REGISTERS == 32 ? 4 : 2;
  int64_t column = 0;
  for (; column + COLUMNS * WIDTH <= width; column += COLUMNS * WIDTH)
    add_products_of_columns<COLUMNS>(factors, rows, matrix + column, width, out + column);
  for (; column < width; column += GROUP)
    add_products_of_columns<PARTS>(factors, rows, matrix + column, width, out + column);
}

}  // namespace LENGTHWISE_PATH
