// The instruction path of this process.
#pragma once

#include "kernels.h"

// Null if LENGTHWISE_NATIVE names a path that this machine does not have.
const Kernels* chosen_if_any();
const Kernels& chosen();
