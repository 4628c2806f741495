// The pages work without this. On paper a closed section cannot be opened, so printing opens them all.
"use strict";
const opened = [];
addEventListener("beforeprint", () => {
  for (const section of document.querySelectorAll("details:not([open])")) {
    section.open = true;
    opened.push(section);
  }
});
addEventListener("afterprint", () => {
  for (const section of opened.splice(0)) section.open = false;
});
