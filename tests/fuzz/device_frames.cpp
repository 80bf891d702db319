// Fuzzing target: a stream of any bytes, in pieces of the size that its first byte gives.
#include <cstdlib>

#include "any_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ugpt::rpc;
    if (size < 2) return 0;
    const Bytes stream = copy({data + 1, size - 1});
    if (!frames_are_found(stream, 1 + data[0]) || !body_returns(stream)) std::abort();
    return 0;
}
