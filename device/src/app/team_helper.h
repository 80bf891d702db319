// The platform's helper as the engine's.
#pragma once

#include "engine/infer.h"
#include "port/port.h"

namespace ugpt::app {

class TeamHelper : public engine::Helper {
  public:
    explicit TeamHelper(port::Helper& helper) : helper_(helper) {}

    void start(void (*work)(void*), void* context) override { helper_.start(work, context); }
    void wait() override { helper_.wait(); }
    void relax() override { helper_.relax(); }

  private:
    port::Helper& helper_;
};

}  // namespace ugpt::app
