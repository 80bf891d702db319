// The methods that the link task answers at once.
#include <algorithm>

#include "app/bytes_of.h"
#include "app/convert.h"
#include "app/handlers.h"
#include "app/link_task.h"
#include "app/planning.h"
#include "app/team_helper.h"
#include "app/version.h"
#include "store/data_set.h"
#include "store/model_store.h"

namespace ugpt::app {

CallError handle(LinkTask& link, const rpc::HelloParams& params, rpc::HelloResult& result) {
    if (params.major != rpc::kProtocolMajor)
        return {rpc::ErrorCode::wrong_version, rpc::kProtocolMajor};
    const Ports& ports = link.ports();
    const port::Chip& chip = ports.platform.chip();
    rpc::Hello& hello = result.hello;
    hello.major = rpc::kProtocolMajor;
    hello.minor = rpc::kProtocolMinor;
    hello.build = kBuild;
    hello.chip = chip.name;
    hello.board = chip.board;
    hello.virtual_device = chip.virtual_device;
    hello.cores = chip.cores;
    hello.clock_hz = chip.clock_hz;
    for (const auto& block : ports.platform.memory_blocks())
        hello.memory_blocks.push_back(saturated(block.size()));
    hello.checkpoint_bytes = ports.flash.size_bytes(port::Region::checkpoint_a);
    hello.boot = link.boot();
    hello.frame_bytes = link.limits().frame_bytes;
    hello.window = link.limits().window;
    hello.baud_max = chip.baud_max;
    hello.data_bytes = store::DataSetStore::room_bytes(ports.flash);
    hello.device_id = chip.device_id;
    hello.flash_bytes = chip.flash_bytes;
    static_assert(port::kRegionCount <= decltype(hello.regions)::capacity());
    for (std::size_t i = 0; i < port::kRegionCount; ++i)
        hello.regions.push_back(ports.flash.size_bytes(static_cast<port::Region>(i)));
    hello.estimated = chip.estimated;
    hello.flash_mode = to_rpc(chip.flash_mode);
    hello.flash_hz = chip.flash_hz;
    if (chip.revision) hello.chip_revision = *chip.revision;
    hello.image_sha256 = chip.image_sha256;
    hello.word_memory_bytes = saturated(ports.platform.word_memory().size());
    hello.model_bytes = store::ModelStore::room_bytes(ports.flash);
    link.shared().handshake_done.store(true, std::memory_order_relaxed);
    return {};
}

CallError handle(LinkTask&, const rpc::PingParams& params, rpc::PingResult& result) {
    result.payload = params.payload;
    return {};
}

CallError handle(LinkTask& link, const rpc::SetBaudParams& params, rpc::SetBaudResult& result) {
    const std::uint32_t highest = link.ports().platform.chip().baud_max;
    if (highest != 0 && params.baud > highest)
        return {rpc::ErrorCode::bad_params, highest, "baud: above what this board can do"};
    link.set_baud_after_reply(params.baud);
    result.baud = params.baud;
    return {};
}

CallError handle(LinkTask& link, const rpc::ResetParams&, rpc::ResetResult&) {
    link.restart_after_reply();
    return {};
}

CallError handle(LinkTask& link, const rpc::StatusParams&, rpc::StatusResult& result) {
    const Progress progress = link.shared().progress.read();
    rpc::Status& status = result.status;
    status.state = progress.state;
    status.run_id = progress.run_id;
    status.step = progress.step;
    status.target_step = progress.target_step;
    status.saved_step = progress.saved_step;
    status.loss = progress.loss;
    status.positions = std::uint64_t{progress.positions_high} << 32 | progress.positions_low;
    status.documents_next = link.documents().next(progress);
    status.documents_free = link.documents().room(progress);
    status.first_loss_step = link.shared().losses.first();
    status.error = static_cast<std::uint8_t>(progress.error);
    status.step_us = progress.step_us;
    status.free_bytes = progress.free_bytes;
    status.source = progress.source;
    status.autorun = progress.autorun;
    status.detached = progress.source == rpc::Source::flash && progress.step < progress.target_step;
    status.unsaved = progress.unsaved != 0;
    status.loaded = progress.loaded;
    status.writing = progress.writing;
    if (progress.has_gradient_norm != 0) status.gradient_norm = progress.gradient_norm;
    const port::Health health = link.ports().platform.health();
    status.heap_free_bytes = health.heap_free_bytes;
    status.heap_least_free_bytes = health.heap_least_free_bytes;
    if (health.temperature_c) status.temperature_c = *health.temperature_c;
    return {};
}

CallError handle(LinkTask& link, const rpc::LossesParams& params, rpc::LossesResult& result) {
    const std::span<float> room = link.losses();
    result.first = params.first;
    const std::size_t count = link.shared().losses.read(
        result.first, room.first(std::min(room.size(), std::size_t{params.count})));
    result.values = bytes_of(room.first(count));
    return {};
}

CallError handle(LinkTask& link, const rpc::PlanParams& params, rpc::PlanResult& result) {
    if (!to_engine(params.shape).valid()) return rpc::ErrorCode::bad_shape;
    const Ports& ports = link.ports();
    const std::uint32_t cores = cores_with_memory(ports.platform.chip(), ports.helper);
    result.plan = describe_plan(ports.platform, cores, params.shape, params.recipe,
                                params.vocabulary_bytes, params.positions);
    return {};
}

CallError handle(LinkTask& link, const rpc::DocumentsWriteParams& params,
                 rpc::DocumentsWriteResult& result) {
    const Progress progress = link.shared().progress.read();
    const CallError error = link.documents().take(progress, params.first, params.documents);
    if (error.refused()) return error;
    link.ports().trainer_signal.set();
    result.next = link.documents().next(progress);
    result.free = link.documents().room(progress);
    return {};
}

}  // namespace ugpt::app
