// What `decode` and `parse_request` refuse, and the words they have for it.
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "bytes.h"
#include "check.h"
#include "rpc/envelope.h"

namespace ugpt::rpc {
namespace {

// Whichever of the two std::uint32_t is: on the LX6 it is unsigned long.
static_assert(Bound(7u).bits == 7 && Bound(7ul).bits == 7);

// The error of decoding hex as a message; empty where it is valid.
template <typename Message>
std::string refusal(std::string_view hex) {
    const Bytes body = from_hex(hex);
    Reader reader(body);
    Message message;
    FieldError error;
    if (decode(reader, message, error)) {
        return {};
    }
    std::array<char, 96> text;
    return std::string(describe(error, text));
}

TEST(a_field_outside_its_range_is_named_with_its_bound) {
    CHECK(refusal<Shape>("9501100410"
                         "1b") == "");
    CHECK(refusal<Shape>("9500100410"
                         "1b") == "n_layer: 0 is below 1");
    CHECK(refusal<Shape>("9501cd07d00410"
                         "1b") == "n_embd: 2000 is above 1024");
    CHECK(refusal<Shape>("9501ff0410"
                         "1b") == "n_embd is negative");
    CHECK(refusal<Shape>("9501cfffffffffffffffff0410"
                         "1b") == "n_embd: 18446744073709551615 is above 1024");
    CHECK(refusal<SetBaudParams>("91cd2580") == "");
    CHECK(refusal<SetBaudParams>("91cd257f") == "baud: 9599 is below 9600");
    CHECK(refusal<SeekParams>("91ce01000000") == "");
    CHECK(refusal<SeekParams>("91ce01000001") == "step: 16777217 is above 16777216");
    CHECK(refusal<PauseResult>("91cf0000000100000000") == "step: 4294967296 is above 4294967295");
}

TEST(a_float_outside_its_range_is_named_with_its_bound) {
    CHECK(refusal<InitWeightsParams>("9200ca41200000") == "");
    CHECK(refusal<InitWeightsParams>("9200ca41200001") == "deviation: 10.000001 is above 10");
    CHECK(refusal<InitWeightsParams>("9200cabf800000") == "deviation: -1 is below 0");
    CHECK(refusal<InitWeightsParams>("9200ca7f800000") == "deviation: inf is above 10");
    CHECK(refusal<InitWeightsParams>("9200ca7fc00000") == "deviation is not a number");
    CHECK(refusal<AutorunParams>("92c3ca3a83126f") == "");
    CHECK(refusal<AutorunParams>("92c3ca3a83126e") == "temperature: 0.0009999999 is below 0.001");
}

TEST(floats_are_written_so_that_they_can_be_read_back) {
    std::array<char, 96> text;
    const auto written = [&](float value) {
        const FieldError error{"x", FieldFault::above, value, 1.0f};
        const std::string all(describe(error, text));
        return all.substr(3, all.find(" is above") - 3);
    };
    for (const auto& [value, expected] : {std::pair{0.0f, "0"},
                                          {1.0f, "1"},
                                          {-1.5f, "-1.5"},
                                          {0.9999f, "0.9999"},
                                          {1e-10f, "1e-10"},
                                          {0.00012345f, "0.00012345"},
                                          {123456792.0f, "123456790"},
                                          {1e6f, "1000000"},
                                          {1.5e9f, "1.5e+9"},
                                          {1e17f, "1e+17"},
                                          {3.4e38f, "3.4e+38"},
                                          {1e-45f, "1.4013e-45"}})
        CHECK(written(value) == expected);
    std::mt19937 random(14);
    for (int round = 0; round < 20000; ++round) {
        const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
        if (!std::isfinite(value) || std::abs(value) < 1e-37f) continue;
        CHECK(std::strtof(written(value).c_str(), nullptr) == value);
    }
}

TEST(lengths_counts_and_enums_are_bounded) {
    const std::string long_name = "94d921" + std::string(66, '6') + "0000c400";
    CHECK(refusal<TensorWriteParams>(long_name) == "name: 33 bytes are more than 32");
    CHECK(refusal<TensorWriteParams>("94a0"
                                     "0200c400") == "");
    CHECK(refusal<TensorWriteParams>("94a0"
                                     "0300c400") == "kind: 3 has no meaning");
    CHECK(refusal<TensorWriteParams>("94a0"
                                     "cd010000c400") == "kind: 256 has no meaning");
    CHECK(refusal<PingParams>("91c51f41" + std::string(2 * 8001, '0')) ==
          "payload: 8001 bytes are more than 8000");
    CHECK(refusal<DocumentsWriteParams>("9200dc0401" + std::string(4 * 1025, 'a')) ==
          "documents: 1025 items are more than 1024");
    CHECK(refusal<DocumentsWriteParams>("920091c50201" + std::string(2 * 513, '0')) ==
          "documents: 513 bytes are more than 512");
}

TEST(missing_fields_and_wrong_types_are_named) {
    CHECK(refusal<Shape>("93011004") == "block_size is missing");
    CHECK(refusal<Shape>("90") == "n_layer is missing");
    CHECK(refusal<Shape>("c0") == "params has the wrong type");
    CHECK(refusal<Shape>("95a0100410"
                         "1b") == "n_layer has the wrong type");
    CHECK(refusal<PlanParams>("93c0") == "params is cut short");
    CHECK(refusal<PlanParams>("93c00000") == "shape has the wrong type");
    CHECK(refusal<PlanParams>("93930110040000") == "block_size is missing");
    CHECK(refusal<DocumentsWriteParams>("92009101") == "documents has the wrong type");
    CHECK(refusal<PlanResult>("91900000") == "parameters is missing");
}

TEST(a_description_is_cut_to_its_room) {
    const FieldError error{"n_embd", FieldFault::above, std::uint64_t{2000}, std::uint64_t{1024}};
    std::array<char, 96> text;
    const std::string whole(describe(error, text));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        std::vector<char> room(size);
        CHECK(describe(error, room) == whole.substr(0, size));
    }
}

TEST(methods_are_found_by_their_exact_name) {
    for (std::size_t i = 0; i < kMethods.size(); ++i) {
        const auto found = find_method(kMethods[i]);
        CHECK(found == static_cast<Method>(i));
        CHECK(method_name(*found) == kMethods[i]);
    }
    CHECK(!find_method("Hello") && !find_method("") && !find_method("hell"));
}

TEST(every_error_has_a_text) {
    CHECK(error_text(ErrorCode::none).empty());
    CHECK(!error_text(ErrorCode::bad_message).empty());
    CHECK(!error_text(ErrorCode::hello_first).empty());
    CHECK(error_text(static_cast<ErrorCode>(255)).empty());
}

Envelope parsed(std::string_view hex, Request& request) {
    return parse_request(keep(from_hex(hex)), request);
}

TEST(requests_are_told_from_everything_else) {
    Request request;
    CHECK(parsed("940007a4"
                 "70696e67"
                 "91c400",
                 request) == Envelope::request);
    CHECK(request.id == 7 && request.method == Method::ping && request.name == "ping");
    CHECK(parsed("940007a4"
                 "706f6e67"
                 "90",
                 request) == Envelope::request);
    CHECK(!request.method && request.name == "pong");

    // An id that can be answered.
    for (const auto* hex :
         {"930008a470696e67", "940008a470696e67c0", "940008a470696e6791", "940008a470696e6790c0",
          "950008a470696e6790c0", "940008a470696e6781c0c0"}) {
        CHECK(parsed(hex, request) == Envelope::malformed);
        CHECK(request.id == 8 && !request.method);
    }
    // None.
    for (const auto* hex : {"", "00", "90", "91", "9100", "9400", "94ff", "9400ff", "940101c090",
                            "940008", "94000801",
                            "9302a3616263"
                            "90",
                            "9400cf0000000100000000a470696e6790", "c1", "80", "a470696e67"}) {
        CHECK(parsed(hex, request) == Envelope::unusable);
    }
}

TEST(a_response_that_does_not_fit_is_empty) {
    StatusResult result;
    Bytes room(128);
    const std::size_t size = encode_response(room, 1, view(result)).size();
    CHECK(size > 0);
    for (std::size_t limit = 0; limit < size; ++limit) {
        Bytes exact(limit);
        CHECK(encode_response(exact, 1, view(result)).empty());
        const LogNotification note;
        CHECK(encode_notification(std::span(exact).first(limit < 5 ? limit : 5), note.kName,
                                  view(note))
                  .empty());
    }
}

}  // namespace
}  // namespace ugpt::rpc
