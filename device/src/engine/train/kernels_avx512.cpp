// Compiled for the instruction set in its name, and run only if the processor has it.
#include "engine/numeric/self_test_lanes.h"
#include "engine/simd/lanes_x86.h"
#include "engine/train/kernels.h"
#include "engine/train/pass.h"

namespace ugpt::engine {

extern const Kernels kAvx512Kernels;
const Kernels kAvx512Kernels{"avx512",
                             Avx512Lanes::kWidth,
                             forward<Avx512Lanes>,
                             backward<Avx512Lanes>,
                             accumulated_squares,
                             apply_accumulated_gradients<Avx512Lanes>,
                             decode<Avx512Lanes>,
                             self_test_lanes<Avx512Lanes>};

}  // namespace ugpt::engine
