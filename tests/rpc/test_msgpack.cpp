// MessagePack values: widths, wrong types, truncation at every byte, nesting, overflow.
#include <cmath>
#include <limits>

#include "bytes.h"
#include "check.h"
#include "rpc/msgpack.h"

namespace ugpt::rpc {
namespace {

template <typename Write>
Bytes written(const Write& write) {
    Bytes room(70000);
    Writer writer(room);
    write(writer);
    CHECK(writer.ok());
    return copy(writer.written());
}

TEST(unsigned_integers_take_the_shortest_form_and_round_trip) {
    struct Case {
        std::uint64_t value;
        std::string_view hex;
    };
    for (const Case& c : {Case{0, "00"},
                          {127, "7f"},
                          {128, "cc80"},
                          {255, "ccff"},
                          {256, "cd0100"},
                          {65535, "cdffff"},
                          {65536, "ce00010000"},
                          {4294967295, "ceffffffff"},
                          {4294967296, "cf0000000100000000"},
                          {18446744073709551615u, "cfffffffffffffffff"}}) {
        const Bytes bytes = written([&](Writer& writer) { writer.uint(c.value); });
        CHECK(bytes == from_hex(c.hex));
        Reader reader(bytes);
        CHECK(reader.uint() == c.value);
        CHECK(reader.ok() && reader.rest().empty());
    }
}

TEST(an_integer_may_be_wider_than_needed_or_signed) {
    for (const auto* hex : {"05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005",
                            "d10005", "d200000005", "d30000000000000005"}) {
        const Bytes bytes = from_hex(hex);
        Reader reader(bytes);
        CHECK(reader.uint() == 5);
        CHECK(reader.ok());
    }
    for (const auto* hex : {"ff", "e0", "d0ff", "d1ffff", "d2ffffffff", "d38000000000000000"}) {
        const Bytes bytes = from_hex(hex);
        Reader reader(bytes);
        CHECK(reader.uint() == 0);
        CHECK(reader.error() == ReadError::negative);
    }
}

TEST(floats_may_be_float64_or_integers) {
    struct Case {
        std::string_view hex;
        float value;
    };
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (const Case& c : {Case{"ca3fc00000", 1.5f},
                          {"cb3ff8000000000000", 1.5f},
                          {"07", 7.0f},
                          {"fe", -2.0f},
                          {"cc80", 128.0f},
                          {"d1fffe", -2.0f},
                          {"cfffffffffffffffff", 18446744073709551615.0f},
                          {"cb7e37e43c8800759c", kInfinity},
                          {"cbfe37e43c8800759c", -kInfinity},
                          {"cb3fb999999999999a", 0.1f},
                          {"ca00000001", 1e-45f}}) {
        const Bytes bytes = from_hex(c.hex);
        Reader reader(bytes);
        CHECK(reader.f32() == c.value);
        CHECK(reader.ok() && reader.rest().empty());
    }
    const Bytes nan = from_hex("cb7ff8000000000000");
    CHECK(std::isnan(Reader(nan).f32()));
}

TEST(text_and_bytes_of_every_length_class_round_trip) {
    for (const std::size_t size : {0u, 1u, 31u, 32u, 255u, 256u, 65535u, 65536u}) {
        const Bytes content(size, 'x');
        const Bytes as_bin = written([&](Writer& writer) { writer.bin(content); });
        Reader reader(as_bin);
        CHECK(equal(reader.bin(), content));
        CHECK(reader.ok() && reader.rest().empty());

        const std::string_view text(reinterpret_cast<const char*>(content.data()), size);
        const Bytes as_str = written([&](Writer& writer) { writer.str(text); });
        Reader text_reader(as_str);
        CHECK(text_reader.str() == text);
        CHECK(text_reader.ok() && text_reader.rest().empty());
        CHECK(equal(Reader(as_str).bin(), content));
    }
}

TEST(arrays_of_every_length_class_round_trip) {
    for (const std::size_t count : {0u, 1u, 15u, 16u, 65535u, 65536u}) {
        const Bytes bytes = written([&](Writer& writer) {
            writer.array(count);
            for (std::size_t i = 0; i < count; ++i) {
                writer.nil();
            }
        });
        Reader reader(bytes);
        CHECK(reader.array() == count);
        Reader skipping(bytes);
        skipping.skip();
        CHECK(skipping.ok() && skipping.rest().empty());
    }
}

TEST(a_count_beyond_the_end_is_refused_at_once) {
    for (const auto* hex : {"91", "dcffff00", "ddffffffff00"}) {
        const Bytes bytes = from_hex(hex);
        Reader reader(bytes);
        CHECK(reader.array() == 0);
        CHECK(reader.error() == ReadError::cut_short);
    }
}

TEST(wrong_types_are_refused_and_the_first_error_stays) {
    const Bytes bytes = from_hex("a161c3c0c40161939091c2");
    Reader reader(bytes);
    CHECK(reader.uint() == 0);
    CHECK(reader.error() == ReadError::wrong_type);
    CHECK(reader.str().empty() && reader.bin().empty() && reader.array() == 0);
    CHECK(!reader.boolean() && reader.f32() == 0.0f && !reader.take_nil());
    reader.skip();
    CHECK(reader.error() == ReadError::wrong_type);

    const auto refused = [](std::string_view hex, auto read) {
        const Bytes one = from_hex(hex);
        Reader value(one);
        read(value);
        return value.error() == ReadError::wrong_type;
    };
    for (const auto* hex : {"c0", "80", "c1", "c70001", "c3"}) {
        CHECK(refused(hex, [](Reader& r) { r.uint(); }));
        CHECK(refused(hex, [](Reader& r) { r.f32(); }));
        CHECK(refused(hex, [](Reader& r) { r.str(); }));
        CHECK(refused(hex, [](Reader& r) { r.bin(); }));
        CHECK(refused(hex, [](Reader& r) { r.array(); }));
    }
    CHECK(refused("01", [](Reader& r) { r.boolean(); }));
    CHECK(refused("c40100", [](Reader& r) { r.str(); }));
    CHECK(refused("ca00000000", [](Reader& r) { r.uint(); }));
}

TEST(every_type_can_be_skipped) {
    for (const auto* hex : {"00",
                            "7f",
                            "ff",
                            "c0",
                            "c2",
                            "c3",
                            "a3616263",
                            "d903616263",
                            "da0003616263",
                            "db00000003616263",
                            "c4020102",
                            "c500020102",
                            "c6000000020102",
                            "ca00000000",
                            "cb0000000000000000",
                            "cc00",
                            "cd0000",
                            "ce00000000",
                            "cf0000000000000000",
                            "d000",
                            "d10000",
                            "d200000000",
                            "d30000000000000000",
                            "d40100",
                            "d5010000",
                            "d60100000000",
                            "d7010000000000000000",
                            "d80100000000000000000000000000000000",
                            "c70201aabb",
                            "c8000201aabb",
                            "c90000000201aabb",
                            "92c0c0",
                            "dc0002c0c0",
                            "dd00000002c0c0",
                            "82a1610102c0",
                            "de0001c0c0",
                            "df00000001c0c0"}) {
        const Bytes bytes = from_hex(hex);
        Reader reader(bytes);
        reader.skip();
        CHECK(reader.ok() && reader.rest().empty());
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const Bytes cut = copy(std::span(bytes).first(size));
            Reader short_reader(cut);
            short_reader.skip();
            CHECK(short_reader.error() == ReadError::cut_short);
        }
    }
}

TEST(nesting_is_bounded) {
    Bytes nested(Reader::kMaxDepth, 0x91);
    nested.push_back(0xC0);
    Reader fits(nested);
    fits.skip();
    CHECK(fits.ok());
    nested.insert(nested.begin(), 0x91);
    Reader too_deep(nested);
    too_deep.skip();
    CHECK(too_deep.error() == ReadError::too_deep);
    const Bytes endless(100000, 0x91);
    Reader reader(endless);
    reader.skip();
    CHECK(reader.error() == ReadError::too_deep);
}

TEST(a_writer_never_passes_its_end) {
    const auto write_all = [](Writer& writer) {
        writer.array(20);
        writer.nil();
        writer.boolean(true);
        writer.uint(70000);
        writer.f32(1.0f);
        writer.str("some text");
        writer.bin(from_hex("000102"));
        std::ranges::fill(writer.bin_space(300), std::uint8_t{1});
    };
    Bytes room(1000);
    Writer unbounded(room);
    write_all(unbounded);
    const std::size_t size = unbounded.written().size();
    for (std::size_t limit = 0; limit < size; ++limit) {
        Bytes exact(limit);
        Writer writer(exact);
        write_all(writer);
        CHECK(!writer.ok());
        CHECK(writer.written().size() <= limit);
        CHECK(equal(writer.written(), std::span(room).first(writer.written().size())));
    }
}

TEST(bin_arrays_are_walked_without_copies) {
    const BinArray array = bins({"01", "", "0203"}, 2);
    CHECK(array.size() == 6);
    std::vector<Bytes> items;
    for (const auto item : array) {
        items.push_back(copy(item));
    }
    CHECK((items == std::vector<Bytes>{{1}, {}, {2, 3}, {1}, {}, {2, 3}}));
    CHECK(BinArray{}.begin() == BinArray{}.end());
}

}  // namespace
}  // namespace ugpt::rpc
