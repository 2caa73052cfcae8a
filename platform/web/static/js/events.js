// Sends what happens on a page to the events API. Each event has an id of its own, so that sending one twice is
// harmless; what could not be sent waits in local storage and goes with the next page, for at most a day.
"use strict";

window.attune = (function () {
  const URL = "/api/v1/events/";
  const KEY = "attune.events";
  const DAY = 24 * 3600 * 1000;
  const MOST = 200;

  const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const person = () => document.body.dataset.person || "";

  const uuid = () => {
    if (crypto.randomUUID) return crypto.randomUUID();
    // randomUUID exists on secure origins only; a school's own server may have none.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  };

  const load = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY)) ?? [];
      const since = Date.now() - DAY;
      return kept.filter((each) => each.person === person() && Date.parse(each.event.occurred_at) > since);
    } catch {
      return [];
    }
  };

  const keep = (waiting) => {
    try {
      if (waiting.length) localStorage.setItem(KEY, JSON.stringify(waiting.slice(-MOST)));
      else localStorage.removeItem(KEY);
    } catch {
      // No storage (private window, full): the events of this page are lost, the page goes on.
    }
  };

  const forget = (sent) => {
    const ids = new Set(sent.map((event) => event.id));
    keep(load().filter((each) => !ids.has(each.event.id)));
  };

  const post = async (events) => {
    const response = await fetch(URL, {
      method: "POST",
      keepalive: true,
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: JSON.stringify(events),
    });
    // Refused for good (the item is gone, signed out): sending it again would not help.
    if (response.ok || (response.status >= 400 && response.status < 500)) forget(events);
    return response;
  };

  // The server refuses what lies ahead of its clock, so a clock that is far off is set right by the page's own date.
  const ahead = Date.now() - 1000 * Number(document.body.dataset.now);
  const correction = Math.abs(ahead) > 60_000 ? ahead : 0;

  const make = (verb, item, more = {}) => ({
    id: uuid(),
    verb,
    item,
    occurred_at: new Date(Date.now() - correction).toISOString(),
    ...more,
  });

  const send = (events) => {
    if (!events.length) return Promise.resolve();
    keep([...load(), ...events.map((event) => ({ person: person(), event }))]);
    return post(events).catch(() => undefined);
  };

  // What waited goes one by one, so that one refused event does not hold up the others.
  const resend = async () => {
    for (const { event } of load()) {
      try {
        await post([event]);
      } catch {
        return;
      }
    }
  };

  window.addEventListener("online", resend);
  document.addEventListener("DOMContentLoaded", () => setTimeout(resend, 1500));

  return { make, send };
})();
