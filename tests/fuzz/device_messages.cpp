// Fuzzing target: a body of any bytes, read as a request and as every message of the protocol.
#include <cstdlib>

#include "any_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ugpt::rpc;
    const Bytes body = copy({data, size});
    Reader(body).skip();
    Request request;
    if (parse_request(body, request) == Envelope::request &&
        !every_message_is_refused_or_returns(request.params))
        std::abort();
    if (!every_message_is_refused_or_returns(Reader(body))) std::abort();
    return 0;
}
