#pragma once
// The one precompiled header of the test programs.
#include "base/pch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
