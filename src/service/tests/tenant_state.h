#pragma once
// A tenant's state as the administration sets it, without what else comes with that.

#include <gtest/gtest.h>

#include "service/context.h"
#include "store/database.h"
#include "store/repositories.h"
#include "tests/support/run_task.h"

namespace carnet::service {

inline void set_tenant_state(store::Database& db, const Actor& actor, store::TenantState state) {
  const auto work = [tenant = actor.tenant, state](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(row, store::tenants::find(connection, tenant));
    return store::tenants::set_state(connection, tenant, row->state, state);
  };
  const auto moved = test::run_task(db.write<bool>(work));
  ASSERT_TRUE(moved.has_value()) << moved.error().internal;
  ASSERT_TRUE(*moved);
}

}  // namespace carnet::service
