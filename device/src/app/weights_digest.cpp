#include "app/weights_digest.h"

#include <algorithm>

namespace ugpt::app {

base::Sha256::Digest weights_digest(const engine::Model& model, std::span<float> room) {
    base::Sha256 sha256;
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        const engine::Parameter parameter = model.parameter(i);
        for (std::size_t at = 0; at < parameter.size(); at += room.size()) {
            const auto part = room.first(std::min(room.size(), parameter.size() - at));
            model.read(parameter, engine::TensorKind::weights, at, part);
            sha256.update(std::as_bytes(part));
        }
    }
    return sha256.finish();
}

}  // namespace ugpt::app
