// Measures attention, not wall time: seconds in which the page was visible and focused and the learner did something
// within the last half minute (reading without touching anything counts that long). A video that plays counts too.
"use strict";

(function () {
  const IDLE_AFTER = 30_000;
  const TICK = 1_000;
  const LEAST = 2;

  document.addEventListener("DOMContentLoaded", () => {
    const item = document.body.dataset.attention;
    if (!item) return;
    const video = document.querySelector("video");
    let active = performance.now();
    let last = active;
    let seconds = 0;
    let reported = 0;

    const attending = (now) =>
      document.visibilityState === "visible" &&
      document.hasFocus() &&
      (now - active < IDLE_AFTER || (video !== null && !video.paused));

    const count = () => {
      const now = performance.now();
      // A gap longer than two ticks is a sleeping machine or a frozen tab.
      if (attending(now)) seconds += Math.min(now - last, 2 * TICK) / 1000;
      last = now;
    };

    const touch = () => {
      count();
      active = performance.now();
    };

    const unreported = () => Math.round((seconds - reported) * 10) / 10;

    const report = (verb = "progressed") => {
      count();
      const duration = unreported();
      if (duration < LEAST) return;
      reported += duration;
      window.attune.send([window.attune.make(verb, item, { result: { duration } })]);
    };

    setInterval(count, TICK);
    for (const input of ["pointerdown", "pointermove", "keydown", "scroll", "wheel", "touchstart", "focus"]) {
      window.addEventListener(input, touch, { passive: true });
    }

    // pagehide misses tabs that a phone kills in the background, so leaving is: no longer visible.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") report();
      else touch();
    });
    window.addEventListener("pagehide", () => report());

    // The form that marks as done carries the attention, so that it is stored with `completed` and not twice.
    const fill = (form) => {
      if (!form.matches?.("[data-attention-form]")) return;
      count();
      const duration = unreported();
      reported += duration;
      form.elements.duration.value = String(duration);
    };
    document.addEventListener("submit", (event) => fill(event.target), true);

    window.attune.send([window.attune.make("viewed", item)]);
  });
})();
