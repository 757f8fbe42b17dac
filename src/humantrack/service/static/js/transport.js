// The buttons that play the clip, step through it and set its speed.
import { h, icon } from "./dom.js";

export const PLAY = "M7 4.5v15l12-7.5z";
export const PAUSE = "M6 5h4v14H6zM14 5h4v14h-4z";
const BACK = "M5 5h2.5v14H5zM20 5v14L9 12z";
const ON = "M16.5 5H19v14h-2.5zM4 5v14l11-7z";
const RATES = [0.25, 0.5, 1, 2];

/** Builds them, and sets `parts.play` and `parts.place`. */
export function transport(parts, player, toggle) {
  const button = (path, label, action) => h("button", { type: "button", "aria-label": label, title: label, onclick: action }, icon(path));
  parts.play = button(PLAY, "Play", toggle);
  parts.play.classList.add("play");
  parts.place = h("output", { class: "place numbers" });
  const rate = h(
    "select",
    { "aria-label": "Speed", onchange: () => player.setRate(Number(rate.value)) },
    ...RATES.map((value) => h("option", { value, selected: value === 1 }, `${value}×`)),
  );
  return h(
    "div",
    { class: "transport", role: "group", "aria-label": "Playing" },
    button(BACK, "One frame back", () => player.step(-1)),
    parts.play,
    button(ON, "One frame on", () => player.step(1)),
    parts.place,
    rate,
  );
}
