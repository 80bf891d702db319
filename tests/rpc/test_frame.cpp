// Frames: round trips, resynchronisation after anything that is not a frame, limits.
#include <string_view>

#include "any_bytes.h"
#include "base/crc32.h"
#include "bytes.h"
#include "check.h"
#include "rpc/frame.h"

namespace ugpt::rpc {
namespace {

using namespace std::string_view_literals;

Bytes framed(std::span<const std::uint8_t> body) {
    Bytes frame(frame_capacity(body.size()));
    frame.resize(encode_frame(body, frame));
    return frame;
}

Bytes framed(std::string_view body) {
    return framed({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
}

Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

Bytes text(std::string_view characters) {
    return {characters.begin(), characters.end()};
}

// Room for bodies of up to `body_bytes`, and no byte more.
struct Receiver {
    explicit Receiver(std::size_t body_bytes)
        : buffer(decoder_capacity(body_bytes)), decoder(buffer) {}
    Bytes buffer;
    FrameDecoder decoder;
};

TEST(crc32_has_the_check_value_of_its_catalogue_entry) {
    CHECK(base::crc32(text("123456789")) == 0xCBF43926);
    CHECK(base::crc32(text("6789"), base::crc32(text("12345"))) == 0xCBF43926);
    CHECK(base::crc32(std::span<const std::uint8_t>{}) == 0);
}

TEST(every_length_around_the_block_length_round_trips) {
    std::mt19937 random(1);
    for (std::size_t size = 1; size <= 1100; ++size) {
        for (int zeros = 0; zeros < 4; ++zeros) {
            Bytes body = random_bytes(random, size);
            for (std::uint8_t& byte : body) {
                byte = zeros == 0 ? std::uint8_t(byte | 1) : zeros == 1 ? std::uint8_t{0} : byte;
            }
            if (zeros == 3) {
                body.back() = 0;
            }
            const Bytes frame = framed(body);
            CHECK(frame.size() <= frame_capacity(size));
            CHECK(frame.front() == 0 && frame.back() == 0);
            CHECK(std::count(frame.begin(), frame.end(), std::uint8_t{0}) == 2);
            Receiver receiver(size);
            const auto found = bodies(receiver.decoder, frame, frame.size());
            CHECK(found.size() == 1 && found[0] == body);
        }
    }
}

TEST(frame_capacity_is_reached_by_a_body_without_zeros_and_never_passed) {
    Bytes body(8192);
    std::mt19937 random(2);
    for (std::uint8_t& byte : body) {
        byte = static_cast<std::uint8_t>(1 + random() % 255);
    }
    CHECK(framed(body).size() == frame_capacity(body.size()));
    CHECK(frame_capacity(250) == 254 + 2 + 2);  // 254 bytes could end with a zero
}

TEST(a_frame_too_long_for_the_output_is_not_written) {
    const Bytes body(300, 7);
    const std::size_t size = framed(body).size();
    Bytes exact(size);
    CHECK(encode_frame(body, exact) == size);
    Bytes short_by_one(size - 1);
    CHECK(encode_frame(body, short_by_one) == 0);
}

TEST(pieces_of_any_size_give_the_same_bodies) {
    std::mt19937 random(3);
    Bytes stream;
    std::vector<Bytes> sent;
    for (std::size_t size : {1u, 5u, 253u, 254u, 255u, 700u, 2000u}) {
        sent.push_back(random_bytes(random, size));
        stream = joined({stream, framed(sent.back())});
    }
    for (std::size_t piece_size : {1u, 2u, 3u, 7u, 64u, 255u, 256u, 10000u}) {
        Receiver receiver(2000);
        CHECK(bodies(receiver.decoder, stream, piece_size) == sent);
        CHECK(receiver.decoder.counters().frames == sent.size());
        CHECK(receiver.decoder.counters().bad_crc == 0);
    }
}

TEST(text_garbage_and_half_frames_between_frames_do_no_harm) {
    Bytes half = framed("this frame was cut by a reset");
    half.resize(half.size() / 2);
    const Bytes stream = joined({
        text("ets Jun  8 2016 00:22:57\r\nrst:0x1 (POWERON_RESET)\r\n"),
        framed("one"),
        text("Guru Meditation Error"),
        framed("two"),
        half,
        framed("three"),
        Bytes(5, 0),
        framed("four"),
        Bytes(5000, 0xFF),
        framed("five"),
    });
    const std::vector<Bytes> sent = {text("one"), text("two"), text("three"), text("four"),
                                     text("five")};
    for (std::size_t piece_size : {1u, 13u, 10000u}) {
        Receiver receiver(64);
        CHECK(bodies(receiver.decoder, stream, piece_size) == sent);
        CHECK(receiver.decoder.counters().too_long == 1);
    }
}

TEST(one_zero_between_two_frames_is_enough) {
    Bytes second = framed("two");
    second.erase(second.begin());
    Receiver receiver(16);
    CHECK(bodies(receiver.decoder, joined({framed("one"), second}), 4).size() == 2);
}

TEST(every_flipped_bit_is_noticed_and_the_next_frame_arrives) {
    const Bytes good = framed("a body with a zero \0 in it"sv);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
        Bytes flipped = good;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1u << bit % 8));
        Receiver receiver(64);
        const auto found = bodies(receiver.decoder, joined({flipped, framed("next")}), 9);
        // A flipped outer zero damages only what stands next to it.
        const bool outer = bit < 8 || bit >= 8 * (good.size() - 1);
        CHECK(found.size() <= 2 && !found.empty());
        CHECK(outer || found.size() == 1);
        CHECK(found.back() == text("next"));
    }
}

TEST(a_frame_cut_at_any_byte_gives_nothing) {
    const Bytes good = framed("some body");
    for (std::size_t size = 0; size + 1 < good.size(); ++size) {
        Bytes cut = good;
        cut.resize(size);
        Receiver receiver(64);
        const auto found = bodies(receiver.decoder, joined({cut, framed("next")}), 64);
        CHECK(found.size() == 1 && found[0] == text("next"));
    }
}

TEST(a_body_may_fill_the_buffer_and_not_pass_it) {
    Receiver receiver(100);
    CHECK(bodies(receiver.decoder, framed(Bytes(100, 1)), 1000).size() == 1);
    CHECK(bodies(receiver.decoder, framed(Bytes(101, 1)), 1000).empty());
    CHECK(receiver.decoder.counters().too_long == 1);
    CHECK(bodies(receiver.decoder, framed(Bytes(100, 2)), 1000).size() == 1);
}

TEST(a_frame_without_a_body_is_none) {
    Receiver receiver(100);
    CHECK(bodies(receiver.decoder, framed(Bytes{}), 100).empty());
    CHECK(receiver.decoder.counters().malformed == 1);
}

TEST(the_buffer_can_change_between_frames) {
    Bytes first(decoder_capacity(8));
    Bytes second(decoder_capacity(8));
    FrameDecoder decoder(first);
    const Bytes stream = joined({framed("one"), framed("two")});
    std::span<const std::uint8_t> rest = stream;
    std::span<const std::uint8_t> one;
    while (one.empty()) {
        rest = rest.subspan(decoder.feed(rest, one));
    }
    decoder.set_buffer(second);
    std::span<const std::uint8_t> two;
    while (two.empty()) {
        rest = rest.subspan(decoder.feed(rest, two));
    }
    CHECK(one.data() == first.data() && equal(one, text("one")));
    CHECK(two.data() == second.data() && equal(two, text("two")));
}

TEST(without_a_buffer_frames_are_passed_over) {
    FrameDecoder decoder({});
    CHECK(bodies(decoder, framed("lost"), 3).empty());
    CHECK(decoder.counters().too_long == 1);
    Bytes buffer(decoder_capacity(8));
    decoder.set_buffer(buffer);
    CHECK(bodies(decoder, framed("found"), 3).size() == 1);
}

}  // namespace
}  // namespace ugpt::rpc
