// A block of queries on its walk back over the keys: its rows, and which keys each row sees.
#pragma once

#include "tiles.h"

namespace LENGTHWISE_PATH {

// Rows are indices into (queries); positions count over the keys, and the last query stands at the last key.
template <int BLOCK>  // queries in a block; blocks start at positions that are multiples of BLOCK
struct Block {
  static constexpr int GROUPS = BLOCK / GROUP;

  const Arguments& arguments;
  int64_t batch, head, kv_head;
  int64_t slot;                         // index over (batch, head)
  int64_t newest;                       // tile of keys that the walk starts with
  int64_t row[BLOCK];                   // negative where a lane has no query
  unsigned open[GROUPS];                // one bit for each lane that still walks
  int32_t first[GROUPS], last[GROUPS];  // positions of the rows of a group
  alignas(64) int32_t position[BLOCK], document[BLOCK], oldest[BLOCK];

  // The `index`th block of a head, counted from the last. Rows with a similar `nearness` walk about equally far, so
  // they share a group and stop together; the rows that walk farthest come first.
  template <typename Nearness>
  Block(const Arguments& a, int64_t slot, int64_t index, Nearness nearness)
      : arguments(a), batch(slot / a.heads), head(slot % a.heads), kv_head(head / (a.heads / a.kv_heads)), slot(slot) {
    const int64_t offset = a.keys - a.queries;
    const int64_t corner = (a.keys - 1) / BLOCK * BLOCK - index * BLOCK;
    const int64_t start = larger(corner, offset), end = smaller(corner + BLOCK, a.keys);
    newest = (end - 1) / TILE;
    const int rows = static_cast<int>(end - start);
    int bucket[BLOCK], begin[BUCKETS + 1] = {};
    for (int i = 0; i < rows; ++i) ++begin[1 + (bucket[i] = bucket_of(nearness(start - offset + i)))];
    for (int i = 0; i < BUCKETS; ++i) begin[i + 1] += begin[i];
    for (int i = 0; i < rows; ++i) row[begin[bucket[i]]++] = start - offset + i;
    for (int lane = rows; lane < BLOCK; ++lane) row[lane] = -1;
    for (int g = 0; g < GROUPS; ++g) open[g] = 0, first[g] = INT32_MAX, last[g] = -1;
    for (int lane = 0; lane < BLOCK; ++lane) {
      const bool real = lane < rows;
      position[lane] = real ? static_cast<int32_t>(offset + row[lane]) : -1;
      document[lane] = real && a.document ? a.document[batch * a.keys + position[lane]] : 0;
      oldest[lane] = real && a.oldest ? a.oldest[batch * a.queries + row[lane]] : 0;
      if (!real) continue;
      const int g = lane / GROUP;
      open[g] |= 1u << lane % GROUP;
      first[g] = smaller(first[g], position[lane]);
      last[g] = larger(last[g], position[lane]);
    }
  }

  // Four buckets per octave of nearness, from 2^-10 to 2^6.
  static constexpr int BUCKETS = 64;
  static int bucket_of(float nearness) {
    int32_t bits;
    __builtin_memcpy(&bits, &nearness, sizeof bits);
    return larger(0, smaller(BUCKETS - 1, (bits >> 21) - ((127 - 10) << 2)));
  }

  static int64_t count(const Arguments& a) { return (a.keys - 1) / BLOCK - (a.keys - a.queries) / BLOCK + 1; }

  // The position of the block's first query.
  int64_t first_position() const {
    int32_t position = INT32_MAX;
    for (int g = 0; g < GROUPS; ++g) position = smaller(position, first[g]);
    return position;
  }

  int64_t at(int lane) const { return slot * arguments.queries + row[lane]; }

  bool empty() const {
    unsigned any = 0;
    for (int g = 0; g < GROUPS; ++g) any |= open[g];
    return any == 0;
  }

  // True if some key of a tile may be hidden from some lane of a group.
  bool hides(int group, int64_t tile) const {
    return arguments.document || first[group] - arguments.strict < (tile + 1) * TILE - 1;
  }

  // Number of keys of a tile, from its first key on, that some lane of a group may see; rounded up, at most TILE.
  int seen(int group, int64_t tile) const {
    if (last[group] < tile * TILE) return 0;
    return static_cast<int>(smaller<int64_t>(TILE, (last[group] - tile * TILE) / GROUP * GROUP + GROUP));
  }
};

// What a rule may leave as it is (rules/softmax.h says when each is called).
struct Defaults {
  static constexpr bool IN_ORDER = false;
  static constexpr bool TWICE = false;

  float slack() const { return 0; }
  static int64_t spare(const Arguments&) { return 0; }
  void begin(float*) {}
  void enter(int64_t) {}
  void to_keys(const float*, int, int64_t, int) const {}
  void finish(int, int64_t, float) const {}
  template <typename Chain>
  void end(Chain& chain) const {
    chain.end();
  }
};

// Which keys of a tile WIDTH neighbouring lanes of a block see.
template <bool HIDDEN>
class Sight {
 public:
  template <int BLOCK>
  Sight(const Block<BLOCK>& block, int first_lane, int64_t tile)
      : position_(block.position + first_lane),
        document_(block.document + first_lane),
        documents_(block.arguments.document ? block.arguments.document + block.batch * block.arguments.keys : nullptr),
        keys_(block.arguments.keys),
        first_key_(tile * TILE),
        strict_(static_cast<int32_t>(block.arguments.strict)),
        open_(mask_of(block.open[first_lane / GROUP] >> first_lane % GROUP)) {}

  Mask of(int key) const {
    if (!HIDDEN) return open_;
    const int64_t at = first_key_ + key;
    const Mask among = both(open_, at_least(position_, static_cast<int32_t>(at) + strict_));
    return documents_ ? both(among, equal(document_, at < keys_ ? documents_[at] : -1)) : among;
  }

 private:
  const int32_t *position_, *document_, *documents_;
  int64_t keys_, first_key_;
  int32_t strict_;
  Mask open_;
};

}  // namespace LENGTHWISE_PATH
