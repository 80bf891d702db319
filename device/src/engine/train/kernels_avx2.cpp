// Compiled for the instruction set in its name, and run only if the processor has it.
#include "engine/numeric/self_test_lanes.h"
#include "engine/simd/lanes_x86.h"
#include "engine/train/kernels.h"
#include "engine/train/pass.h"

namespace ugpt::engine {

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels{"avx2",
                           Avx2Lanes::kWidth,
                           forward<Avx2Lanes>,
                           backward<Avx2Lanes>,
                           accumulated_squares,
                           apply_accumulated_gradients<Avx2Lanes>,
                           decode<Avx2Lanes>,
                           self_test_lanes<Avx2Lanes>};

}  // namespace ugpt::engine
