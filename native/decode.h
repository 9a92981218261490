// Few queries against many keys: lanes are keys here, and ranges of keys are walked in parallel.
//
// A range counts its kept keys from zero. When its sums join those of nearer ranges, its weights are multiplied by
// 2^(gate * count), where count is the number of keys kept in the nearer ranges. Within a range, sums are added in the
// order of the forward pass, so that a row that ends in the nearest range has the same bits in both.
#pragma once

#include "few.h"
#include "rules/threshold_relative.h"

namespace LENGTHWISE_PATH {

class Decode {
 public:
  Decode(const Arguments& a, const float* norms) : a(a), norms(norms), width(padded(a.width)) {}

  // Floats that a thread needs: a tile of keys in columns, and the scores, counts and keep decisions of one row.
  static int64_t scratch(const Arguments& a) { return (padded(a.width) + 4) * TILE; }

  // `index` counts over (batch, heads, queries), which is the same as over (unit, head of the unit, queries).
  void prepare(int64_t index, FewRow& row, float* scratch) const {
    const int64_t slot = index / a.queries, query = index % a.queries, batch = slot / a.heads;
    const Rows rows(a.query, a, batch, slot % a.heads);
    pack_rows(rows, query, 1, 1, row.query);
    int64_t lanes[GROUP] = {query};
    for (int i = 1; i < GROUP; ++i) lanes[i] = -1;
    pack_columns(rows, lanes, scratch);
    float reach[GROUP];
    reaches(scratch, a, reach);
    row.reach = reach[0];
    row.position = static_cast<int32_t>(a.keys - a.queries + query);
    row.document = a.document ? a.document[batch * a.keys + row.position] : 0;
    row.oldest = a.oldest ? a.oldest[batch * a.queries + query] : 0;
    row.gate = gate_of(a.log_forget[index]);
    row.limit = limit_of(a, row.gate);
    row.series = series_of(row.gate);
    row.safe = row.reach * norm(unit_of(slot), row.position) <= SAFE;
    row.found.done = false;
    start(row, row.found);
  }

  // Walks the rows of a unit, (batch, kv_head), over a range; `found` has one entry per row.
  void visit(int64_t unit, int64_t range, const FewRow* rows, int64_t count, Found* found, float* columns) const {
    const Rows key(a.key, a, unit / a.kv_heads, unit % a.kv_heads);
    const Rows value(a.value, a, unit / a.kv_heads, unit % a.kv_heads);
    for (int64_t r = 0; r < count; ++r) {
      found[r].done = rows[r].found.done;
      if (!found[r].done) start(rows[r], found[r]);
    }
    const int64_t first = range * RANGE / TILE, last = smaller((range + 1) * RANGE, a.keys) - 1;
    for (int64_t tile = last / TILE; tile >= first; --tile) {
      bool packed = false;
      for (int64_t r = 0; r < count; ++r) {
        if (found[r].done || rows[r].position < tile * TILE) continue;
        if (!packed) pack(key, tile, columns);
        packed = true;
        step(unit, tile, rows[r], value, columns, found[r]);
      }
    }
  }

  // Adds what a row found in a range to what the row found in all nearer ranges.
  void join(int64_t unit, int64_t range, const Found& there, FewRow& row) const {
    Found& found = row.found;
    const float shift = row.gate * found.newer;
    const float farther = there.largest + shift;
    const float after = row.safe || there.total == 0 ? found.largest : larger(found.largest, farther);
    const float by = power(found.largest - after), by_farther = power(farther - after);
    found.total = found.total * by + there.total * by_farther;
    for (int64_t d = 0; d < width; d += WIDTH) {
      const Lanes more = multiply(load(there.output + d), broadcast(by_farther));
      store(found.output + d, add(multiply(load(found.output + d), broadcast(by)), more));
    }
    found.newer += there.newer;
    found.largest = after;
    found.last_tile = there.last_tile;
    found.done = met(unit, range * RANGE, row, found);
  }

  void finish(int64_t index, const FewRow& row) const {
    const Found& found = row.found;
    const float by = 1 / (found.total == 0 ? 1 : found.total);
    write_row(found.output, by, a, a.output + index * a.width);
    a.largest[index] = found.largest;
    a.total[index] = found.total;
    a.visited[index] = static_cast<float>(row.position / TILE - found.last_tile + 1);
  }

 private:
  int64_t unit_of(int64_t slot) const { return slot / (a.heads / a.kv_heads); }
  float norm(int64_t unit, int64_t position) const {
    return norms ? norms[unit * a.keys + position] : static_cast<float>(a.largest_key_norm);
  }

  void start(const FewRow& row, Found& found) const {
    found.newer = found.total = 0;
    found.largest = row.safe ? 0 : UNSEEN;
    found.last_tile = row.position / TILE;
    for (int64_t d = 0; d < width; ++d) found.output[d] = 0;
  }

  static float power(float x) {
    float lanes[WIDTH];
    store(lanes, where_or_zero(not_at_most(mask_of(~0u), broadcast(x), broadcast(LOWEST)), exp2(broadcast(x))));
    return lanes[0];
  }

  bool met(int64_t unit, int64_t left, const FewRow& row, const Found& found) const {
    if (left <= row.oldest) return true;
    if (a.skip_tolerance <= 0) return false;
    const Horizon horizon = {broadcast(row.gate),    broadcast(found.newer), broadcast(found.largest),
                             broadcast(found.total), broadcast(row.reach),   broadcast(row.series)};
    return bits_of(horizon.met(norm(unit, left - 1), left, static_cast<float>(a.skip_tolerance))) & 1;
  }

  void pack(const Rows& key, int64_t tile, float* columns) const {
    for (int group = 0; group < TILE / GROUP; ++group) {
      int64_t index[GROUP];
      for (int i = 0; i < GROUP; ++i) {
        index[i] = tile * TILE + group * GROUP + i;
        if (index[i] >= a.keys) index[i] = -1;
      }
      pack_columns(key, index, columns + group * GROUP * width);
    }
  }

  // Adds one tile of keys to the sums of one row.
  void step(int64_t unit, int64_t tile, const FewRow& row, const Rows& value, float* columns, Found& found) const {
    constexpr int TOGETHER = REGISTERS == 32 ? 4 : 2;  // groups of keys
    float* scores = columns + TILE * width;
    float* counts = scores + TILE;
    int32_t* kept = reinterpret_cast<int32_t*>(counts + TILE);
    for (int group = 0; group < TILE / GROUP; group += TOGETHER) {
      const float* of[TOGETHER];
      float* to[TOGETHER];
      for (int i = 0; i < TOGETHER; ++i)
        of[i] = columns + (group + i) * GROUP * width, to[i] = scores + (group + i) * GROUP;
      products<TOGETHER>(row.query, 1, width, of, to);
    }
    const int32_t* documents = a.document ? a.document + unit / a.kv_heads * a.keys + tile * TILE : nullptr;
    const int newest = static_cast<int>(smaller<int64_t>(TILE - 1, row.position - tile * TILE));
    int count = 0;
    for (int key = TILE - 1; key >= 0; --key) {
      counts[key] = static_cast<float>(count);
      const bool visible = key <= newest && (!documents || documents[key] == row.document);
      kept[key] = visible && !(scores[key] <= row.limit);
      count += kept[key];
    }
    const Lanes scale = broadcast(static_cast<float>(a.scale) * LOG2_E);
    Lanes highest = broadcast(found.largest);
    for (int key = 0; key < TILE; key += WIDTH) {
      const Lanes newer = add(broadcast(found.newer), load(counts + key));
      const Lanes logit = multiply_add(broadcast(row.gate), newer, multiply(load(scores + key), scale));
      highest = maximum(where(at_least(kept + key, 1), logit, broadcast(UNSEEN)), highest);
      store(scores + key, logit);
    }
    float after = found.largest;
    if (!row.safe) {
      float each[WIDTH];
      store(each, highest);
      for (int i = 0; i < WIDTH; ++i) after = larger(after, each[i]);
    }
    for (int key = 0; key < TILE; key += WIDTH)
      store(scores + key, weight_of(at_least(kept + key, 1), load(scores + key), broadcast(after)));
    const float by = row.safe ? 1 : power(found.largest - after);
    float sum = 0;
    for (int key = TILE - 1; key >= 0; --key) sum += scores[key];
    found.total = found.total * by + sum;
    add_values(value, tile * TILE, scores, kept, by, found.output);
    found.newer += static_cast<float>(count);
    found.largest = after;
    found.last_tile = static_cast<int32_t>(tile);
    found.done = met(unit, tile * TILE, row, found);
  }

  // output = output * by + sum over the kept keys of weight * value; the values of other keys are not read.
  void add_values(const Rows& value, int64_t first, const float* weights, int32_t* kept, float by,
                  float* output) const {
    int count = 0;
    for (int key = 0; key < TILE; ++key) {
      kept[count] = key;
      count += !(weights[key] == 0);
    }
    constexpr int COLUMNS = 4;
    for (int64_t column = 0; column < width; column += COLUMNS * WIDTH) {
      const int parts = static_cast<int>(smaller<int64_t>(COLUMNS, (width - column) / WIDTH));
      Lanes sum[COLUMNS] = {broadcast(0), broadcast(0), broadcast(0), broadcast(0)};
      for (int i = 0; i < count; ++i) {
        const Lanes weight = broadcast(weights[kept[i]]);
        for (int c = 0; c < COLUMNS; ++c)
          if (c < parts) sum[c] = multiply_add(weight, value.lanes(first + kept[i], column + c * WIDTH), sum[c]);
      }
      for (int c = 0; c < parts; ++c) {
        float* to = output + column + c * WIDTH;
        store(to, add(multiply(load(to), broadcast(by)), sum[c]));
      }
    }
  }

  const Arguments& a;
  const float* norms;
  const int64_t width;
};

}  // namespace LENGTHWISE_PATH
