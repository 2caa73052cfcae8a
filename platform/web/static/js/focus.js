// Focus mode without loading the page again; without this script the link does the same.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const toggle = document.getElementById("focus-toggle");
  if (!toggle) return;
  const set = (focused) => {
    document.body.classList.toggle("focused", focused);
    toggle.querySelector("span").textContent = focused ? toggle.dataset.leave : toggle.dataset.enter;
    const address = new URL(window.location.href);
    if (focused) address.searchParams.set("focus", "1");
    else address.searchParams.delete("focus");
    window.history.replaceState(window.history.state, "", address);
  };
  toggle.addEventListener("click", (event) => {
    event.preventDefault();
    set(!document.body.classList.contains("focused"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.body.classList.contains("focused")) set(false);
  });
});
