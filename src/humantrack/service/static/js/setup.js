// The dialog before a run: the part of the clip, and its options with what holds where none is chosen.
import { byId, setText } from "./dom.js";
import { buildOptions, chosenOptions } from "./options.js";
import { RangePicker } from "./range.js";

/**
 * Ask for the options of a run; gives them, or null if the user thinks better of it.
 * `url` is the clip, for pictures of it; `before` is shown in place of them; `problem` is what was
 * wrong with the options before.
 */
export function askOptions({ title, action, url, before = null, overrides, chosen = {}, problem = "" }) {
  const dialog = byId("setup");
  const form = byId("setup-form");
  const picker = url ? new RangePicker(url) : null;
  setText(byId("setup-title"), title);
  setText(byId("setup-run"), action);
  setText(byId("setup-problem"), problem);
  byId("setup-problem").hidden = !problem;
  byId("setup-range").replaceChildren(...[picker?.element, before].filter(Boolean));
  buildOptions(byId("setup-options"), overrides, chosen, "setup");
  const field = (name) => form.elements.namedItem(name);
  const typed = () => picker && (picker.times = { start_time: field("start_time")?.value, end_time: field("end_time")?.value });
  picker?.addEventListener("change", () => {
    for (const [name, value] of Object.entries(picker.times)) if (field(name)) field(name).value = value ?? "";
  });
  form.addEventListener("input", typed);
  typed();
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    const done = () => {
      const taken = dialog.returnValue === "yes" ? chosenOptions(form) : null;
      form.removeEventListener("input", typed);
      picker?.close();
      byId("setup-range").replaceChildren();
      byId("setup-options").replaceChildren();
      resolve(taken);
    };
    dialog.addEventListener("close", done, { once: true });
  });
}

/** Ask for a line of text; null if the user thinks better of it. */
export function askText(title, label, value) {
  const dialog = byId("ask");
  const field = byId("ask-field");
  setText(byId("ask-title"), title);
  setText(byId("ask-label"), label);
  field.value = value;
  dialog.returnValue = "no";
  dialog.showModal();
  field.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? field.value.trim() : null), { once: true });
  });
}

/** Show a link that can be copied or revoked; `revoke` is called for the latter. */
export function showLink(url, revoke) {
  const dialog = byId("share");
  const field = byId("share-field");
  const copied = byId("share-said");
  field.value = url;
  copied.textContent = "";
  byId("share-copy").onclick = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(url);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "Press Ctrl+C to copy it.";
    }
  };
  byId("share-revoke").onclick = async () => {
    await revoke();
    dialog.close();
  };
  dialog.showModal();
  field.select();
}

