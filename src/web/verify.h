#pragma once
// Fills the page /verify: a form, and what came of the document that was handed in. Internal to
// src/web.

#include "evidence/verify.h"
#include "web/templates.h"

namespace carnet::web {

// `verification` null: the form alone.
void fill_verify(Filler page, const evidence::Verification* verification);

}  // namespace carnet::web
