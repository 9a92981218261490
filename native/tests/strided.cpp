#include "strided.h"

#include <cstring>
#include <sstream>
#include <utility>

namespace {

float read(const unsigned char* from, bool bfloat16) {
  uint32_t bits = 0;
  std::memcpy(reinterpret_cast<unsigned char*>(&bits) + (bfloat16 ? 2 : 0), from, bfloat16 ? 2 : 4);
  float number;
  std::memcpy(&number, &bits, 4);
  return number;
}

// Rounds towards zero, if it rounds at all; a NaN may have all its bits in the lower half.
void write(float number, unsigned char* to, bool bfloat16) {
  uint32_t bits;
  std::memcpy(&bits, &number, 4);
  if (bfloat16) bits = bits >> 16 | (number != number ? 0x40u : 0);
  std::memcpy(to, &bits, bfloat16 ? 2 : 4);
}

}  // namespace

void Strided::place(Random& random, const int64_t (&sizes)[3], int64_t width, bool bfloat16,
                    std::vector<double>& numbers) {
  bfloat16_ = bfloat16;
  int64_t strides[3], order[] = {0, 1, 2}, next = width;
  for (int i = 2; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  const bool gaps = random.one_in(2);
  for (int i : order) {
    if (gaps) next += random.below(20);
    strides[i] = next;
    if (random.one_in(15)) {
      strides[i] = 0;  // expanded
    } else if (sizes[i] == 1) {
      strides[i] = random.any_of<int64_t>({next, 123456789});  // never used
    } else {
      next *= sizes[i];
    }
  }
  const int64_t before = random.one_in(2) ? random.below(4) : 0, bytes = bfloat16 ? 2 : 4;
  int64_t end = before + width;
  for (int i = 0; i < 3; ++i) end += (sizes[i] - 1) * strides[i];
  memory_.assign(end * bytes, 0xff);
  tensor = {memory_.data() + before * bytes, strides[0], strides[1], strides[2]};
  const auto each = [&](auto visit) {
    int64_t at = 0;
    for (int64_t batch = 0; batch < sizes[0]; ++batch)
      for (int64_t head = 0; head < sizes[1]; ++head)
        for (int64_t token = 0; token < sizes[2]; ++token)
          for (int64_t d = 0; d < width; ++d) {
            const int64_t there = before + batch * strides[0] + head * strides[1] + token * strides[2] + d;
            visit(numbers[at++], &memory_[there * bytes]);
          }
  };
  each([&](double& number, unsigned char* there) { write(static_cast<float>(number), there, bfloat16); });
  each([&](double& number, unsigned char* there) { number = read(there, bfloat16); });
  std::ostringstream of;
  of << "(" << strides[0] << ", " << strides[1] << ", " << strides[2] << ") from " << before;
  layout = of.str();
}

void Strided::overwrite(Random& random, float number) {
  const int64_t bytes = bfloat16_ ? 2 : 4, numbers = static_cast<int64_t>(memory_.size()) / bytes;
  write(number, &memory_[random.below(numbers) * bytes], bfloat16_);
}
