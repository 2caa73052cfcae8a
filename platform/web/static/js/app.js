// Small things every page needs: say aloud what changed, and copy a code.
"use strict";

(function () {
  const announce = (text) => {
    const announcer = document.getElementById("announcer");
    if (announcer && text) announcer.textContent = text;
  };

  document.addEventListener("htmx:afterSettle", (event) => {
    const changed = event.target.matches?.("[data-announce]")
      ? event.target
      : document.querySelector("[data-announce]");
    if (!changed) return;
    announce(changed.dataset.announce);
    changed.removeAttribute("data-announce");
  });

  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      const announcer = document.getElementById("announcer");
      // What asks by itself may fail quietly; what a person pressed may not.
      if (event.detail.requestConfig?.verb === "get") return;
      announcer.classList.add("toast");
      announcer.classList.remove("visually-hidden");
      announce(announcer.dataset.offline);
      setTimeout(() => {
        announcer.classList.add("visually-hidden");
        announcer.classList.remove("toast");
      }, 6000);
    });
  }

  // What was replaced while it asked has no place for the answer; whoever took its place asks as well.
  htmx.defineExtension("while-shown", {
    onEvent: (name, event) => name !== "htmx:beforeOnLoad" || event.detail.elt.isConnected,
  });

  // A page that the browser kept is as old as the visit before: it looks again for a newer list.
  window.addEventListener("pageshow", (event) => {
    const look = document.getElementById("next-look");
    if (event.persisted && look) htmx.trigger(look, "attune:return");
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.querySelector("span") ?? button;
    const before = label.textContent;
    label.textContent = button.dataset.copied;
    announce(button.dataset.copied);
    setTimeout(() => (label.textContent = before), 2000);
  });

  // What is closed stays in the page, hidden: it may still wait for the list that follows.
  document.addEventListener("click", (event) => {
    const closer = event.target.closest("[data-dismiss]");
    if (!closer) return;
    event.preventDefault();
    closer.closest(closer.dataset.dismiss).hidden = true;
    document.querySelector(closer.dataset.then)?.focus({ preventScroll: true });
  });

  // Of a line of courses that is pushed aside, the one that is chosen is in sight.
  document
    .querySelector(".course-filter [aria-current]")
    ?.scrollIntoView({ block: "nearest", inline: "center" });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });
})();
