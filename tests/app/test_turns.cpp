// A run and a pretrained model take turns: one of them has the memory, the other lies in flash.

#include <array>
#include <memory>
#include <span>

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

std::shared_ptr<MemoryFlash> flash_with_story(std::uint32_t region_bytes = 64 * 1024) {
    auto flash = std::make_shared<MemoryFlash>(region_bytes);
    const auto image = test::make_image("test", 0.25f);
    const std::span<const std::byte> bytes(image);
    store::ModelStore models(*flash);
    bool resumed = false;
    std::uint32_t missing_bytes = 0;
    CHECK(models.begin(bytes.first(kHeaderBytes), resumed, missing_bytes) == store::Result::ok);
    CHECK(models.write(kHeaderBytes, bytes.subspan(kHeaderBytes)) == store::Result::ok);
    CHECK(models.commit().result == store::Result::ok);
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
