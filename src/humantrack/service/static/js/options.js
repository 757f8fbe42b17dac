// The form of options for new clips, made from the list that the server takes.
import { byId, h } from "./dom.js";

const NAMES = {
  start_time: "From",
  end_time: "To",
  start_frame: "From frame",
  end_frame: "To frame",
  detect_shots: "The clip has cuts",
  tracker: "Tracker",
  "render.enable": "Draw a video",
  "render.type": "Drawn as",
  "render.head_mask": "Leave faces free",
};
const ANSWERS = [["true", "Yes"], ["false", "No"]];

const nameOf = (key) => NAMES[key] ?? key.replace(/^.*\./, "").replaceAll("_", " ");

/** Build the form. `overrides` is what the server's limits say: type, choices and help of each. */
export function buildOptions(overrides) {
  const rows = Object.entries(overrides ?? {}).map(([key, about]) => row(key, about));
  byId("options-form").replaceChildren(...rows);
  byId("options").hidden = !rows.length;
}

function row(key, about) {
  const id = `option-${key.replace(/[^a-z0-9]/gi, "-")}`;
  const choices = about.type === "boolean" ? ANSWERS : about.choices?.map((choice) => [choice, String(choice)]);
  const properties = { id, name: key, "data-type": about.type, "aria-describedby": about.help ? `${id}-help` : null };
  const field = choices
    ? h("select", properties, h("option", { value: "" }, "As usual"), ...choices.map(([value, text]) => h("option", { value }, text)))
    : h("input", { ...properties, autocomplete: "off", spellcheck: "false", inputmode: about.type === "integer" ? "numeric" : null });
  const help = about.help ? h("small", { id: `${id}-help` }, about.help) : null;
  return h("div", { class: "option" }, h("label", { for: id }, nameOf(key)), field, help);
}

/** What the user chose, without what was left alone. */
export function chosenOptions() {
  const out = {};
  for (const field of byId("options-form").elements) {
    const text = field.value.trim();
    if (!text) continue;
    const type = field.dataset.type;
    if (type === "boolean") out[field.name] = text === "true";
    else if (type === "integer" && /^\d+$/.test(text)) out[field.name] = Number(text);
    else out[field.name] = text;
  }
  return out;
}
