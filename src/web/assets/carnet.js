// The pages work without this. It opens closed sections for printing, and lets the list of assets follow
// what is typed without loading the whole page anew.
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

const finder = document.querySelector("form.finder");
if (finder !== null) {
  const PAUSE_MS = 350;
  let timer = 0;
  let asked = 0;

  // The list at `address` takes the place of the one that is shown; if that fails, the browser goes there.
  const show = async (address) => {
    const mine = (asked += 1);
    const list = document.getElementById("found");
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("found");
      if (mine !== asked || fresh === null) return;
      list.replaceWith(document.adoptNode(fresh));
      history.replaceState(null, "", address);
    } catch {
      if (mine === asked) location.assign(address);
    }
  };
  const address = () => {
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(finder)) if (value !== "") wanted.set(name, value);
    const query = wanted.toString();
    return location.pathname + (query === "" ? "" : "?" + query) + "#assets";
  };
  finder.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => show(address()), PAUSE_MS);
  });
  finder.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    show(address());
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".pages a");
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link.getAttribute("href")).then(() => document.getElementById("assets").scrollIntoView());
  });
}
