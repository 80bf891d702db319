// The methods that bring the image of a pretrained model into the flash.
#include <algorithm>
#include <array>

#include "app/bytes_of.h"
#include "app/handlers.h"
#include "app/image_faults.h"
#include "app/planning.h"
#include "app/store_errors.h"
#include "app/trainer.h"

namespace ugpt::app {
namespace {

constexpr std::size_t kChecksumsPerReply = 128;

rpc::LlamaShape to_rpc(const engine::infer::Shape& shape) {
    return {shape.n_layer,  shape.n_embd,     shape.n_head,  shape.n_kv_head,
            shape.n_hidden, shape.vocab_size, shape.context, shape.tied_classifier};
}

rpc::MatrixFormat format_of(const store::ModelImage& image) {
    std::array<std::uint32_t, 3> count{};
    for (std::uint32_t i = 0; i < image.shape().tensor_count(); ++i)
        ++count[static_cast<std::size_t>(image.tensor(i).format)];
    const auto of = [&count](engine::infer::Format format) {
        return count[static_cast<std::size_t>(format)];
    };
    if (of(engine::infer::Format::q8) == 0) return rpc::MatrixFormat::f32;
    return of(engine::infer::Format::f32) == 0 ? rpc::MatrixFormat::q8 : rpc::MatrixFormat::mixed;
}

// What the result names lies in the buffers of the trainer.
rpc::ImageInfo describe(Trainer& trainer, std::span<const std::byte> header_bytes) {
    const auto room = std::span(trainer.results().bytes).first<store::ImageHeader::kBytes>();
    std::ranges::copy(header_bytes, std::as_writable_bytes(room).begin());
    store::ImageHeader header;
    (void)header.read(std::as_bytes(room));  // it has been read before
    rpc::ImageInfo image;
    image.name = header.name;
    image.licence = header.licence;
    image.size_bytes = header.size_bytes;
    image.sha256 = room.last<base::Sha256::kBytes>();
    image.shape = to_rpc(header.shape);
    return image;
}

CallError refused(store::ImageFault fault) {
    return {rpc::ErrorCode::bad_story, 0, fault_text(fault)};
}

}  // namespace

CallError handle(Trainer& trainer, const rpc::ImageBeginParams& params,
                 rpc::ImageBeginResult& result) {
    const auto bytes = std::as_bytes(params.header);
    if (bytes.size() != store::ModelStore::kHeaderBytes)
        return {rpc::ErrorCode::bad_params, 0, "header: a header has 512 bytes"};
    store::ImageHeader header;
    if (const auto fault = header.read(bytes); fault != store::ImageFault::none)
        return refused(fault);
    // A text of one token is the least that a model can be asked for.
    const std::uint64_t missing = plan_text(trainer.platform(), header.shape, 1);
    if (missing > 0) return {rpc::ErrorCode::does_not_fit, saturated(missing)};
    trainer.forget_story();
    std::uint32_t missing_bytes = 0;
    const store::Result begun = trainer.models().begin(bytes, result.resumed, missing_bytes);
    return {error_code(begun), missing_bytes};
}

CallError handle(Trainer& trainer, const rpc::ImageChecksumsParams& params,
                 rpc::ImageChecksumsResult& result) {
    std::array<std::uint32_t, kChecksumsPerReply> checksums;
    const auto room = std::span(checksums).first(params.count);
    const std::size_t count = trainer.models().checksums(params.first, room);
    const auto bytes = bytes_of(room.first(count));
    std::ranges::copy(bytes, trainer.results().bytes.begin());
    result.checksums = std::span(trainer.results().bytes).first(bytes.size());
    return {};
}

CallError handle(Trainer& trainer, const rpc::ImageWriteParams& params, rpc::ImageWriteResult&) {
    return error_code(trainer.models().write(params.offset, std::as_bytes(params.content)));
}

CallError handle(Trainer& trainer, const rpc::ImageCommitParams&, rpc::ImageCommitResult&) {
    const store::PushResult end = trainer.models().commit();
    if (end.result == store::Result::not_whole) return refused(end.fault);
    return error_code(end.result);
}

CallError handle(Trainer& trainer, const rpc::ImageInfoParams&, rpc::ImageInfoResult& result) {
    store::ModelImage image;
    const store::ImageFault fault = trainer.models().open(image);
    if (fault == store::ImageFault::none) {
        result.image = describe(trainer, image.header_bytes());
        result.image.whole = true;
        result.image.format = format_of(image);
        return {};
    }
    if (const auto unfinished = trainer.models().unfinished()) {
        result.image = describe(trainer, *unfinished);
        return {};
    }
    return fault == store::ImageFault::absent ? CallError(rpc::ErrorCode::no_story)
                                              : refused(fault);
}

CallError handle(Trainer& trainer, const rpc::ImageEraseParams&, rpc::ImageEraseResult&) {
    trainer.forget_story();
    return error_code(trainer.models().erase());
}

}  // namespace ugpt::app
