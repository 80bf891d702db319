// Bytes that nobody meant: random, cut, flipped. The sanitizers judge; here only what must hold of
// the outcome is checked.
#include "any_bytes.h"
#include "bytes.h"
#include "check.h"
#include "rpc/envelope.h"

namespace ugpt::rpc {
namespace {

// Valid messages with which mutation starts.
std::vector<Bytes> seeds() {
    const auto encoded = [](const auto& message) {
        Bytes room(kFrameMaxBytes);
        Writer writer(room);
        encode(writer, message);
        return copy(writer.written());
    };
    HelloResult hello;
    hello.hello.build = "0.1.0";
    hello.hello.frame_bytes = 4096;
    hello.hello.window = 4;
    hello.hello.memory_blocks.push_back(172032);
    CreateParams create;
    create.run_id = 1;
    create.shape = {1, 16, 4, 16, 27};
    create.recipe = {0.01f, 0.85f, 0.99f, 1e-8f, 1000};
    DocumentsWriteParams documents;
    documents.documents = bins({"0102", "", "030405"}, 20);
    TensorWriteParams tensor;
    tensor.name = "layer0.attn_wq";
    tensor.data = repeated_bytes("0000803f", 80);
    return {encoded(hello),  encoded(create),         encoded(documents),
            encoded(tensor), encoded(StatusResult{}), encoded(SampleResult{})};
}

TEST(random_bytes_are_refused_without_harm) {
    std::mt19937 random(11);
    for (int round = 0; round < 20000; ++round) {
        Bytes body = random_bytes(random, random() % 64);
        if (!body.empty() && round % 2 == 0) {
            body[0] = static_cast<std::uint8_t>(0x90 + random() % 16);  // an array, at least
        }
        CHECK(every_message_is_refused_or_returns(Reader(body)));
        Reader(body).skip();
        Request request;
        (void)parse_request(body, request);
    }
}

TEST(messages_cut_at_every_byte_are_refused) {
    for (const Bytes& seed : seeds()) {
        for (std::size_t size = 0; size < seed.size(); ++size) {
            const Bytes cut = copy(std::span(seed).first(size));
            Reader reader(cut);
            reader.skip();
            CHECK(reader.error() == ReadError::cut_short);
            CHECK(every_message_is_refused_or_returns(Reader(cut)));
        }
    }
}

TEST(mutated_messages_are_refused_or_mean_something) {
    std::mt19937 random(12);
    for (const Bytes& seed : seeds()) {
        for (int round = 0; round < 3000; ++round) {
            Bytes body = seed;
            for (std::uint32_t i = 0; i <= random() % 4; ++i) {
                body[random() % body.size()] = static_cast<std::uint8_t>(random());
            }
            CHECK(every_message_is_refused_or_returns(Reader(body)));
        }
    }
}

TEST(a_decoder_survives_any_stream_and_finds_the_next_frame) {
    std::mt19937 random(13);
    for (int round = 0; round < 3000; ++round) {
        Bytes stream = random_bytes(random, random() % 400);
        for (std::uint8_t& byte : stream) {
            byte = random() % 16 == 0 ? std::uint8_t{0} : byte;
        }
        CHECK(frames_are_found(stream, 1 + random() % 400));
    }
}

}  // namespace
}  // namespace ugpt::rpc
