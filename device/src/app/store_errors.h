// What the link says when the store could not do something.
#pragma once

#include "rpc/messages.h"
#include "store/result.h"

namespace ugpt::app {

constexpr rpc::ErrorCode error_code(store::Result result) {
    switch (result) {
        case store::Result::ok:
            return rpc::ErrorCode::none;
        case store::Result::no_room:
            return rpc::ErrorCode::no_room;
        case store::Result::flash_failed:
            return rpc::ErrorCode::flash_failed;
        case store::Result::out_of_range:
            return rpc::ErrorCode::bad_params;
        case store::Result::not_whole:
            return rpc::ErrorCode::bad_data;
    }
    return rpc::ErrorCode::flash_failed;
}

}  // namespace ugpt::app
