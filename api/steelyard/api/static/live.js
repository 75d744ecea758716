"use strict";
/* Keeps the values on an instrument's page fresh: asks the interface every few seconds, only while the page is seen. */
(() => {
  const PERIOD_MS = 5000;
  const box = document.querySelector("[data-live]");
  if (!box) return;
  const state = document.querySelector("[data-live-state]");
  let failures = 0;

  const show = (node, text) => {
    if (!node || node.textContent === text) return;
    node.textContent = text;
    node.classList.remove("fresh");
    void node.offsetWidth; // restarts the animation
    node.classList.add("fresh");
  };

  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(box.dataset.live, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const { items } = await answer.json();
      for (const item of items) {
        const card = box.querySelector(`[data-channel="${CSS.escape(item.channel)}"]`);
        if (!card) continue;
        show(card.querySelector("[data-part=text]"), item.text);
        card.querySelector("[data-part=spread]").textContent = item.spread;
        card.querySelector("[data-part=note]").textContent = item.note;
      }
      failures = 0;
      state.textContent = "";
    } catch {
      failures += 1;
      if (failures === 3) state.textContent = "The connection is interrupted: these values are not being refreshed. They will be as soon as it is back.";
    }
  };

  setInterval(refresh, PERIOD_MS);
  document.addEventListener("visibilitychange", refresh);
})();
