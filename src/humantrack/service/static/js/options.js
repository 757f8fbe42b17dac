// Forms of options, made from the list that the server takes, with what holds where nothing is chosen.
import { h } from "./dom.js";

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
  "live.duration": "Longest",
};
const ANSWERS = [["true", "Yes"], ["false", "No"]];
const UNSET = { start_time: "the beginning", end_time: "the end", start_frame: "the first", end_frame: "after the last", "live.duration": "as long as the server allows" };

const nameOf = (key) => NAMES[key] ?? key.replace(/^.*\./, "").replaceAll("_", " ");

const said = (value) => ({ true: "Yes", false: "No" })[value] ?? String(value);

/**
 * Build the fields. `overrides` is what the server's limits say: type, choices, default and help of
 * each; `chosen` are values to begin with.
 */
export function buildOptions(form, overrides, chosen = {}, prefix = "option") {
  form.replaceChildren(...Object.entries(overrides ?? {}).map(([key, about]) => row(key, about, chosen[key], prefix)));
}

function row(key, about, value, prefix) {
  const id = `${prefix}-${key.replace(/[^a-z0-9]/gi, "-")}`;
  const choices = about.type === "boolean" ? ANSWERS : about.choices?.map((choice) => [choice, String(choice)]);
  const usual = about.default === null || about.default === undefined ? UNSET[key] : said(about.default);
  const properties = { id, name: key, "data-type": about.type, "aria-describedby": about.help ? `${id}-help` : null };
  const options = choices?.map(([choice, text]) => h("option", { value: choice, selected: String(value) === choice }, text));
  if (options && value !== undefined && !choices.some(([choice]) => choice === String(value))) options.push(h("option", { value, selected: true }, String(value)));
  const field = options
    ? h("select", properties, h("option", { value: "" }, usual ? `As usual: ${usual}` : "As usual"), ...options)
    : h("input", { ...properties, autocomplete: "off", spellcheck: "false", placeholder: usual, value: value ?? null, inputmode: about.type === "integer" ? "numeric" : null });
  const help = about.help ? h("small", { id: `${id}-help` }, about.help) : null;
  return h("div", { class: "option" }, h("label", { for: id }, nameOf(key)), field, help);
}

/** What the user chose, without what was left alone. */
export function chosenOptions(form) {
  const out = {};
  for (const field of form.elements) {
    const text = field.value.trim();
    if (!field.name || !text) continue;
    const type = field.dataset.type;
    if (type === "boolean") out[field.name] = text === "true";
    else if (type === "integer" && /^\d+$/.test(text)) out[field.name] = Number(text);
    else out[field.name] = text;
  }
  return out;
}

/** Options in words; nothing for none. */
export const optionsText = (overrides) =>
  Object.entries(overrides ?? {})
    .map(([key, value]) => `${nameOf(key)}: ${said(value)}`)
    .join(" · ");
