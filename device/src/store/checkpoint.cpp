#include "store/checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "base/crc32.h"

namespace ugpt::store {
namespace {

static_assert(std::endian::native == std::endian::little, "flash holds little-endian words");

constexpr std::uint32_t kMarkOfFloats = 0x31504375;  // "uCP1"; another layout takes another digit
constexpr std::uint32_t kMarkOfPacked = 0x32504375;  // "uCP2"
constexpr std::array kKinds{engine::TensorKind::weights, engine::TensorKind::first_moment,
                            engine::TensorKind::second_moment};
// Tokens are 16-bit numbers, and no other dimension of a model that fits a slot comes near.
constexpr std::uint32_t kLargestDimension = 1u << 16;
constexpr std::uint32_t kCopyBytes = 256;
constexpr std::size_t kCopyWords = kCopyBytes / sizeof(std::uint32_t);

// The enumerator of a number that was read, if it is one of those up to `last`.
template <typename Enum>
std::optional<Enum> enumerator(std::uint32_t number, Enum last) {
    if (number > static_cast<std::uint32_t>(last)) return {};
    return static_cast<Enum>(number);
}

constexpr Layout layout_of(engine::MomentFormat moments) {
    return moments == engine::MomentFormat::f32 ? Layout::floats : Layout::packed;
}

// Part of a tensor, a copy's worth at most: floats, or words of packed moments.
struct Piece {
    engine::Parameter parameter;
    engine::TensorKind kind;
    bool packed;
    std::size_t at;
    std::size_t count;
};

// Calls `visit(piece)` for all pieces of every tensor, in the order in which a checkpoint has them,
// until one returns false.
template <typename Visit>
bool for_each_piece(const engine::Model& model, Layout layout, Visit&& visit) {
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        const engine::Parameter& parameter = model.parameter(i);
        for (const engine::TensorKind kind : kKinds) {
            const bool packed = layout == Layout::packed && kind != engine::TensorKind::weights;
            const std::size_t size = packed ? model.packed_words(parameter) : parameter.size();
            for (std::size_t at = 0; at < size; at += kCopyWords) {
                if (!visit(Piece{parameter, kind, packed, at, std::min(kCopyWords, size - at)}))
                    return false;
            }
        }
    }
    return true;
}

// The vocabulary is filled up to whole words.
constexpr std::uint64_t padded(std::uint64_t size) {
    return (size + 3) & ~std::uint64_t{3};
}

void encode_shape(base::ByteWriter& writer, const engine::Shape& shape) {
    for (const std::uint32_t value :
         {shape.n_layer, shape.n_embd, shape.n_head, shape.block_size, shape.vocab_size})
        writer.u32(value);
}

std::optional<engine::Shape> decode_shape(base::ByteReader& reader) {
    engine::Shape shape;
    bool in_range = true;
    for (std::uint32_t* value :
         {&shape.n_layer, &shape.n_embd, &shape.n_head, &shape.block_size, &shape.vocab_size}) {
        *value = reader.u32();
        in_range = in_range && *value <= kLargestDimension;
    }
    return in_range && shape.valid() ? std::optional(shape) : std::nullopt;
}

void encode_recipe(base::ByteWriter& writer, const engine::Recipe& recipe) {
    for (const float value : {recipe.learning_rate, recipe.beta1, recipe.beta2, recipe.epsilon})
        writer.f32(value);
    writer.u32(recipe.total_steps);
    writer.u32(recipe.batch);
    writer.u8(static_cast<std::uint8_t>(recipe.schedule));
    writer.u8(static_cast<std::uint8_t>(recipe.moments));
    writer.u8(recipe.activation_checkpointing ? 1 : 0);
    writer.u8(0);  // version 0.1.0 wrote a struct, which has a byte of padding here
    writer.u32(recipe.warmup_steps);
    writer.f32(recipe.weight_decay);
    writer.f32(recipe.clip_norm);
}

std::optional<engine::Recipe> decode_recipe(base::ByteReader& reader) {
    engine::Recipe recipe;
    for (float* value : {&recipe.learning_rate, &recipe.beta1, &recipe.beta2, &recipe.epsilon})
        *value = reader.f32();
    recipe.total_steps = reader.u32();
    recipe.batch = reader.u32();
    const auto schedule = enumerator(reader.u8(), engine::Schedule::constant);
    const auto moments = enumerator(reader.u8(), engine::MomentFormat::q8);
    const std::uint8_t recompute = reader.u8();
    reader.u8();
    recipe.warmup_steps = reader.u32();
    recipe.weight_decay = reader.f32();
    recipe.clip_norm = reader.f32();
    if (!schedule || !moments || recompute > 1 || !recipe.countable()) return {};
    recipe.schedule = *schedule;
    recipe.moments = *moments;
    recipe.activation_checkpointing = recompute == 1;
    return recipe;
}

}  // namespace

void CheckpointInfo::encode(base::ByteWriter& writer) const {
    for (const std::uint32_t value : {run_id, step, target_step, save_every}) writer.u32(value);
    writer.u32(static_cast<std::uint32_t>(source));
    encode_shape(writer, shape);
    encode_recipe(writer, recipe);
    writer.u32(vocabulary_bytes);
}

std::optional<CheckpointInfo> CheckpointInfo::decode(base::ByteReader& reader) {
    CheckpointInfo info;
    for (std::uint32_t* value : {&info.run_id, &info.step, &info.target_step, &info.save_every})
        *value = reader.u32();
    const auto source = enumerator(reader.u32(), Source::flash);
    const auto shape = decode_shape(reader);
    const auto recipe = decode_recipe(reader);
    info.vocabulary_bytes = reader.u32();
    if (!source || !shape || !recipe) return {};
    info.source = *source;
    info.shape = *shape;
    info.recipe = *recipe;
    return info;
}

std::uint32_t CheckpointStore::Record::mark() const {
    return layout == Layout::packed ? kMarkOfPacked : kMarkOfFloats;
}

void CheckpointStore::Record::encode(base::ByteWriter& writer) const {
    info.encode(writer);
    writer.u32(payload_bytes);
    writer.u32(payload_crc);
}

std::optional<CheckpointStore::Record> CheckpointStore::Record::decode(std::uint32_t mark,
                                                                       base::ByteReader& reader) {
    if (mark != kMarkOfFloats && mark != kMarkOfPacked) return {};
    const Layout layout = mark == kMarkOfPacked ? Layout::packed : Layout::floats;
    const auto info = CheckpointInfo::decode(reader);
    const std::uint32_t bytes = reader.u32();
    const std::uint32_t crc = reader.u32();
    if (!info || (layout == Layout::packed && layout_of(info->recipe.moments) != layout)) return {};
    return Record{layout, *info, bytes, crc};
}

CheckpointStore::CheckpointStore(port::Flash& flash)
    : flash_(flash), slots_(flash, port::Region::checkpoint_a, port::Region::checkpoint_b) {}

std::uint64_t CheckpointStore::size_bytes(const engine::Shape& shape, engine::MomentFormat moments,
                                          std::uint32_t vocabulary_bytes) {
    const engine::Plan plan = engine::Model::plan(shape, {.moments = moments}, engine::Arena{});
    return SlotPair<Record>::kHeaderBytes + padded(vocabulary_bytes) +
           (plan.parameters + plan.moment_words) * sizeof(std::uint32_t);
}

std::uint32_t CheckpointStore::slot_bytes() const {
    return flash_.size_bytes(port::Region::checkpoint_a);
}

bool CheckpointStore::payload_is_whole(port::Region region, const Record& record) {
    constexpr std::uint32_t kHeaderBytes = SlotPair<Record>::kHeaderBytes;
    const std::uint64_t size = std::uint64_t{kHeaderBytes} + record.payload_bytes;
    const CheckpointInfo& info = record.info;
    const engine::MomentFormat moments =
        record.layout == Layout::packed ? info.recipe.moments : engine::MomentFormat::f32;
    if (size != size_bytes(info.shape, moments, info.vocabulary_bytes) ||
        size > flash_.size_bytes(region))
        return false;
    std::array<std::byte, kCopyBytes> copy;
    std::uint32_t crc = 0;
    for (std::uint32_t done = 0; done < record.payload_bytes;) {
        const auto part = std::span(copy).first(std::min(record.payload_bytes - done, kCopyBytes));
        if (!flash_.read(region, kHeaderBytes + done, part)) return false;
        crc = base::crc32(part, crc);
        done += static_cast<std::uint32_t>(part.size());
    }
    return crc == record.payload_crc;
}

std::optional<CheckpointInfo> CheckpointStore::find_newest() {
    const auto found = slots_.find_newest([this](port::Region region, const Record& record) {
        return payload_is_whole(region, record);
    });
    if (!found) return {};
    newest_layout_ = found->layout;
    return found->info;
}

bool CheckpointStore::load(engine::Model& model, std::span<std::byte> vocabulary) {
    const port::Region region = slots_.newest();
    std::uint32_t offset = SlotPair<Record>::kHeaderBytes;
    if (!flash_.read(region, offset, vocabulary)) return false;
    offset += static_cast<std::uint32_t>(padded(vocabulary.size()));
    const auto read = [&](std::span<std::byte> bytes) {
        const std::uint32_t at = offset;
        offset += static_cast<std::uint32_t>(bytes.size());
        return flash_.read(region, at, bytes);
    };
    return for_each_piece(model, newest_layout_, [&](const Piece& piece) {
        if (piece.packed) {
            std::array<std::uint32_t, kCopyWords> words;
            const auto part = std::span(words).first(piece.count);
            if (!read(std::as_writable_bytes(part))) return false;
            model.write_packed(piece.parameter, piece.kind, piece.at, part);
            return true;
        }
        std::array<float, kCopyWords> values;
        const auto part = std::span(values).first(piece.count);
        if (!read(std::as_writable_bytes(part))) return false;
        model.write(piece.parameter, piece.kind, piece.at, part);
        return true;
    });
}

std::span<const std::byte> CheckpointStore::vocabulary(std::uint32_t size_bytes) {
    const auto slot = flash_.mapped(slots_.newest());
    constexpr std::size_t kBegin = SlotPair<Record>::kHeaderBytes;
    if (slot.size() < kBegin || slot.size() - kBegin < size_bytes) return {};
    return slot.subspan(kBegin, size_bytes);
}

bool CheckpointStore::write_payload(const engine::Model& model,
                                    std::span<const std::byte> vocabulary, Record& record) {
    std::uint32_t offset = SlotPair<Record>::kHeaderBytes;
    const auto append = [&](std::span<const std::byte> bytes) {
        record.payload_crc = base::crc32(bytes, record.payload_crc);
        const std::uint32_t at = offset;
        offset += static_cast<std::uint32_t>(bytes.size());
        return flash_.write(slots_.next(), at, bytes);
    };
    constexpr std::array<std::byte, 4> kPadding{};
    const auto padding = static_cast<std::size_t>(padded(vocabulary.size()) - vocabulary.size());
    if (!append(vocabulary) || !append(std::span(kPadding).first(padding))) return false;
    return for_each_piece(model, record.layout, [&](const Piece& piece) {
        if (piece.packed) {
            std::array<std::uint32_t, kCopyWords> words;
            const auto part = std::span(words).first(piece.count);
            model.read_packed(piece.parameter, piece.kind, piece.at, part);
            return append(std::as_bytes(part));
        }
        std::array<float, kCopyWords> values;
        const auto part = std::span(values).first(piece.count);
        model.read(piece.parameter, piece.kind, piece.at, part);
        return append(std::as_bytes(part));
    });
}

Result CheckpointStore::save(const CheckpointInfo& info, const engine::Model& model,
                             std::span<const std::byte> vocabulary) {
    const engine::MomentFormat moments = info.recipe.moments;
    const std::uint64_t size = size_bytes(info.shape, moments, info.vocabulary_bytes);
    if (size > slot_bytes()) return Result::no_room;
    Record record{layout_of(moments), info,
                  static_cast<std::uint32_t>(size) - SlotPair<Record>::kHeaderBytes, 0};
    if (!slots_.begin(record.payload_bytes) || !write_payload(model, vocabulary, record))
        return Result::flash_failed;
    // A worn chip can take a write and keep something else: look before the older one is given up.
    if (!payload_is_whole(slots_.next(), record) || !slots_.commit(record))
        return Result::flash_failed;
    newest_layout_ = record.layout;
    return Result::ok;
}

}  // namespace ugpt::store
