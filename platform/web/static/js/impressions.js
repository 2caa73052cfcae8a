// An impression is a card that was really seen: half of it in view for one second, in a tab that was visible.
"use strict";

(function () {
  const SEEN_AFTER = 1000;
  const sent = new Set();
  const timers = new Map();
  let pending = [];
  let flushing = 0;

  const flush = () => {
    clearTimeout(flushing);
    flushing = 0;
    const events = pending;
    pending = [];
    window.attune.send(events);
  };

  const record = (card) => {
    const list = card.closest("[data-slate]");
    if (!list || !card.isConnected) return;
    const key = `${list.dataset.slate} ${card.dataset.item}`;
    if (sent.has(key)) return;
    sent.add(key);
    const context = { slate: list.dataset.slate, position: Number(card.dataset.position) };
    pending.push(window.attune.make("shown", card.dataset.item, { context }));
    if (!flushing) flushing = setTimeout(flush, 1500);
  };

  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const card = entry.target;
        clearTimeout(timers.get(card));
        timers.delete(card);
        const tall = entry.intersectionRect.height > window.innerHeight / 2;
        if (!entry.isIntersecting || (entry.intersectionRatio < 0.5 && !tall)) continue;
        timers.set(
          card,
          setTimeout(() => document.visibilityState === "visible" && record(card), SEEN_AFTER),
        );
      }
    },
    { threshold: [0, 0.5] },
  );

  const watch = () => {
    observer.disconnect();
    for (const card of document.querySelectorAll("[data-slate] [data-item]")) observer.observe(card);
  };

  document.addEventListener("DOMContentLoaded", watch);
  document.addEventListener("htmx:afterSettle", watch);
  document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? watch() : flush()));
})();
