// The engine's face: the only header of it that other rooms include.
#pragma once

#include "engine/arena.h"
#include "engine/config.h"
#include "engine/phase.h"
#include "engine/train/model.h"
