"use strict";
/* Draws the charts of a page with Bokeh, in the colours of the reader's scheme, and again when that changes. */
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const draw = async (place) => {
    const scheme = dark.matches ? "dark" : "light";
    try {
      const answer = await fetch(`${place.dataset.chart}?scheme=${scheme}`, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const item = await answer.json();
      if (place.views) for (const view of place.views) view.remove();
      place.replaceChildren();
      place.views = Array.from(await Bokeh.embed.embed_item(item, place));
      place.dataset.drawn = scheme;
    } catch (error) {
      const note = document.createElement("p");
      note.className = "waiting";
      note.textContent = "The chart cannot be drawn now. The figures below say the same; reload the page to try again.";
      place.replaceChildren(note);
      place.dataset.drawn = "failed";
      console.error("chart", place.dataset.chart, error);
    }
  };

  const all = () => document.querySelectorAll("[data-chart]").forEach(draw);
  all();
  dark.addEventListener("change", all);
})();
