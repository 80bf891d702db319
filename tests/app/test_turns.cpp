// A run and a pretrained model take turns: one of them has the memory, the other lies in flash.

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "app/bench.h"
#include "app/images.h"
#include "store/model_store.h"

using namespace ugpt;
using rpc::ErrorCode;
using test::Bench;
using test::kRecipe;
using test::kShape;
using test::MemoryFlash;

namespace {

constexpr std::uint32_t kHeaderBytes = store::ModelStore::kHeaderBytes;

std::shared_ptr<MemoryFlash> flash_with_story(std::uint32_t region_bytes = 64 * 1024,
                                              float weight = 0.25f) {
    auto flash = std::make_shared<MemoryFlash>(region_bytes);
    test::put_image(*flash, test::make_image("test", weight));
    return flash;
}

rpc::TextBeginParams text(std::uint32_t id) {
    return {.text_id = id, .seed = 1, .temperature = 1.0f, .top_p = 1.0f, .max_tokens = 2};
}

void write_story(Bench& bench, std::uint32_t id = 5) {
    CHECK(bench.call(text(id)) == ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.loaded == rpc::Loaded::story && !s.writing; }));
}

}  // namespace

TEST(a_story_in_the_middle_of_a_batch_begins_the_batch_again) {
    const auto digest_after = [](bool told) {
        Bench bench(flash_with_story());
        bench.handshake();
        rpc::Recipe recipe = kRecipe;
        recipe.batch = 2;
        CHECK(bench.call(rpc::CreateParams{1, kShape, recipe, 4}) == ErrorCode::none);
        CHECK(bench.call(rpc::InitWeightsParams{3, 0.08f}) == ErrorCode::none);
        rpc::DocumentsWriteResult documents;
        CHECK(bench.write_documents(0, 1, documents) == ErrorCode::none);
        CHECK(bench.call(rpc::TrainParams{1, 0}) == ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.positions == 4; }));
        if (told) {
            CHECK(bench.call(rpc::PauseParams{}) == ErrorCode::none);
            write_story(bench);
            CHECK(bench.status().documents_next == 0);
            CHECK(bench.write_documents(0, 1, documents) == ErrorCode::none);
            CHECK(bench.call(rpc::TrainParams{1, 0}) == ErrorCode::none);
        }
        CHECK(bench.write_documents(1, 1, documents, 3) == ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.step == 1; }));
        return bench.weights_digest();
    };
    CHECK(digest_after(true) == digest_after(false));
}

TEST(a_model_in_memory_is_gone_once_another_one_is_on_its_way) {
    Bench bench(flash_with_story());
    bench.handshake();
    write_story(bench);
    const auto image = test::make_image("new", 0.5f);
    const std::span header(reinterpret_cast<const std::uint8_t*>(image.data()), kHeaderBytes);
    CHECK(bench.call(rpc::ImageBeginParams{header}) == ErrorCode::none);
    CHECK(bench.status().loaded == rpc::Loaded::nothing);
    CHECK(bench.call(text(6)) == ErrorCode::no_story);
    CHECK(bench.call(rpc::ImageCommitParams{}) == ErrorCode::bad_story);  // its content is missing
}

TEST(a_model_in_memory_is_gone_once_it_is_erased) {
    Bench bench(flash_with_story());
    bench.handshake();
    write_story(bench);
    CHECK(bench.call(rpc::ImageEraseParams{}) == ErrorCode::none);
    CHECK(bench.status().loaded == rpc::Loaded::nothing);
    CHECK(bench.call(text(6)) == ErrorCode::no_story);
}

TEST(a_new_run_after_a_story_is_not_looked_for_in_flash) {
    Bench bench(flash_with_story(24 * 1024));
    bench.handshake();
    bench.create(1);
    write_story(bench);
    const rpc::Shape large{1, 16, 2, 8, 27};  // too large for a checkpoint
    CHECK(bench.call(rpc::CreateParams{2, large, kRecipe, 4}) == ErrorCode::none);
    CHECK(bench.status().loaded == rpc::Loaded::run);
    CHECK(bench.call(rpc::InitWeightsParams{4, 0.08f}) == ErrorCode::none);
}

TEST(a_text_is_gone_once_the_run_has_the_memory_again) {
    Bench bench(flash_with_story());
    bench.handshake();
    bench.create();
    write_story(bench, 5);
    CHECK(bench.call(rpc::TextReadParams{5, 1}) == ErrorCode::none);
    CHECK(bench.call(rpc::SampleParams{.temperature = 1.0f}) == ErrorCode::none);
    CHECK(bench.call(rpc::TextReadParams{5, 1}) == ErrorCode::bad_params);
    write_story(bench, 5);  // begins anew
}

// All tokens of this model are equally likely, so that the random numbers alone choose.
TEST(the_random_numbers_of_a_seed_begin_behind_the_prompt) {
    Bench bench(flash_with_story(64 * 1024, 0.0f));
    bench.handshake();
    std::uint32_t id = 0;
    const auto drawn = [&](std::uint64_t seed, std::span<const std::uint8_t> prompt) {
        rpc::TextBeginResult begun;
        rpc::TextReadResult read;
        CHECK(bench.call(rpc::TextBeginParams{.text_id = ++id,
                                              .prompt = prompt,
                                              .seed = seed,
                                              .temperature = 1.0f,
                                              .top_p = 1.0f,
                                              .max_tokens = 3},
                         begun) == ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return !s.writing; }));
        CHECK(bench.call(rpc::TextReadParams{id, begun.prompt_tokens}, read) == ErrorCode::none);
        CHECK(read.ended == rpc::TextEnd::max_tokens);
        return std::vector<std::uint8_t>(read.text.begin(), read.text.end());
    };
    const std::array<std::uint8_t, 2> prompt{'a', 'b'};
    const auto text = drawn(1, {});
    CHECK(drawn(1, prompt) == text);
    CHECK(drawn(1, std::span(prompt).first(1)) == text);
    CHECK(drawn(2, {}) != text);
}

TEST(a_run_that_cannot_be_read_back_is_not_given_up) {
    const auto flash = flash_with_story();
    Bench bench(flash);
    bench.handshake();
    bench.create();
    const auto digest = bench.weights_digest();
    for (std::uint64_t reads = 0; reads < 3; ++reads) {
        write_story(bench, 5);
        flash->reads_until_failure = reads;
        CHECK(bench.call(rpc::SampleParams{.temperature = 1.0f}) == ErrorCode::flash_failed);
        CHECK(bench.status().loaded == rpc::Loaded::nothing && bench.status().run_id == 1);
        CHECK(bench.weights_digest() == digest);
    }
}

TEST(a_run_goes_on_behind_a_story_with_the_same_bits) {
    const auto digest_after = [](bool told) {
        Bench bench(flash_with_story());
        bench.handshake();
        bench.create();
        bench.train_to(3);
        if (told) write_story(bench);
        bench.train_to(6);
        return bench.weights_digest();
    };
    CHECK(digest_after(true) == digest_after(false));
}

TEST(no_story_is_begun_while_a_run_is_trained) {
    Bench bench(flash_with_story());
    bench.handshake();
    bench.create();
    CHECK(bench.call(rpc::TrainParams{10, 0}) == ErrorCode::none);
    CHECK(bench.call(text(5)) == ErrorCode::busy);
    CHECK(bench.status().loaded == rpc::Loaded::run);
}

TEST(a_vocabulary_written_after_the_checkpoint_outlives_a_story) {
    Bench bench(flash_with_story());
    bench.handshake();
    bench.create();
    CHECK(bench.call(rpc::SaveParams{}) == ErrorCode::none);
    const std::array<std::uint8_t, 4> vocabulary{'a', 'b', 'c', 'd'};
    CHECK(bench.call(rpc::VocabularyWriteParams{0, vocabulary}) == ErrorCode::none);
    write_story(bench);
    rpc::VocabularyReadResult read;
    CHECK(bench.call(rpc::VocabularyReadParams{0, 4}, read) == ErrorCode::none);
    CHECK(std::ranges::equal(read.data, vocabulary));
}

TEST(a_profile_tells_the_time_of_tokens) {
    Bench bench(flash_with_story());
    bench.handshake();
    write_story(bench);  // the model is there before the profile is switched on
    CHECK(bench.call(rpc::ProfileParams{true}) == ErrorCode::none);
    write_story(bench, 6);
    rpc::ProfileResult result;
    CHECK(bench.call(rpc::ProfileParams{true}, result) == ErrorCode::none);
    CHECK(result.profile.tokens > 0 && result.profile.attention > 0 && result.profile.choice > 0);
}

TEST(a_text_that_the_device_has_is_not_begun_again) {
    Bench bench(flash_with_story());
    bench.handshake();
    write_story(bench, 5);
    rpc::TextBeginParams longer = text(5);
    longer.max_tokens = 4;
    CHECK(bench.call(longer) == ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return !s.writing; }));
    rpc::TextReadResult read;
    CHECK(bench.call(rpc::TextReadParams{5, 1}, read) == ErrorCode::none);
    CHECK(read.next == 3 && read.ended == rpc::TextEnd::max_tokens);
}

TEST(a_text_has_ended_only_for_whoever_has_read_all_of_it) {
    constexpr std::uint16_t kContext = 300;
    const auto flash = std::make_shared<MemoryFlash>(64 * 1024);
    test::put_image(*flash, test::make_image("test", 0.25f, kContext));
    Bench bench(flash);
    bench.handshake();
    CHECK(bench.call(rpc::TextBeginParams{.text_id = 5, .context = kContext}) == ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return !s.writing; }));
    rpc::TextReadResult read;
    CHECK(bench.call(rpc::TextReadParams{5, 1}, read) == ErrorCode::none);
    CHECK(read.next < kContext && read.ended == rpc::TextEnd::none);
    CHECK(bench.call(rpc::TextReadParams{5, read.next}, read) == ErrorCode::none);
    CHECK(read.next == kContext && read.ended == rpc::TextEnd::context_full);
}
