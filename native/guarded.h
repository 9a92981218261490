// The border to Python, which no exception may cross.
#pragma once

#include <new>

// Runs the work; returns null, or a message that says what went wrong.
template <typename Work>
const char* guarded(Work work) {
  try {
    work();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (...) {
    return "a thread could not be started";
  }
}
