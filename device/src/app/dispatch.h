// From a request to its handler and back to a response.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "app/call_error.h"
#include "app/handlers.h"
#include "rpc/envelope.h"
#include "rpc/messages.h"

namespace ugpt::app {

// Answers a request into `out`; returns the body of the response.
template <typename Owner>
using Answer = std::span<const std::uint8_t> (*)(Owner& owner, const rpc::Request& request,
                                                 std::span<std::uint8_t> out);

// Who answers a method: exactly one of the two.
struct Route {
    Answer<LinkTask> link = nullptr;
    Answer<Trainer> trainer = nullptr;
};

// By method; generated.
extern const std::array<Route, rpc::kMethods.size()> kRoutes;

inline const Route& route(rpc::Method method) {
    return kRoutes[static_cast<std::size_t>(method)];
}

std::span<const std::uint8_t> encode_error(std::span<std::uint8_t> out, std::uint32_t id,
                                           const CallError& error);

// Decodes the params into a message that has its defaults. Returns nothing, or the response that
// says what is wrong with them.
std::span<const std::uint8_t> decode_params(const rpc::Request& request, rpc::MessageSlot params,
                                            std::span<std::uint8_t> out);
// The response with the result, or with the error if there is one.
std::span<const std::uint8_t> encode_reply(const rpc::Request& request, const CallError& error,
                                           rpc::MessageView result, std::span<std::uint8_t> out);

// Decodes the params, calls the handler unless they are bad, and encodes what it returns.
template <typename Owner, typename Params>
std::span<const std::uint8_t> answer(Owner& owner, const rpc::Request& request,
                                     std::span<std::uint8_t> out) {
    Params params;
    const auto refusal = decode_params(request, rpc::slot(params), out);
    if (!refusal.empty()) return refusal;
    typename Params::Result result;
    const CallError error = handle(owner, params, result);
    return encode_reply(request, error, rpc::view(result), out);
}

}  // namespace ugpt::app
