// Small helpers around the document.

export const byId = (id) => document.getElementById(id);

/**
 * An element. Properties that begin with "on" are listeners, "class" is its class, and anything
 * else an attribute; null and false leave it out. Text is never read as HTML.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** Says that something is on its way. */
export const busy = (text) => h("p", { class: "busy", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), h("span", {}, text));

const SVG = "http://www.w3.org/2000/svg";

/** An element of SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A picture for a button, 24 by 24, drawn by the path `d`. */
export const icon = (d) => svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, svg("path", { d }));

/** Set text only if it differs: what did not change is neither painted nor read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Have a screen reader say something, without moving the focus. */
export function say(text) {
  const live = byId("live");
  live.textContent = "";
  setTimeout(() => (live.textContent = text), 50);
}

/** Show an error that stays until it is dismissed; one of the same `key` takes its place. */
export function notice(text, key = text) {
  dismiss(key);
  const box = h(
    "div",
    { class: "notice" },
    h("p", {}, text),
    h("button", { type: "button", class: "quiet", onclick: () => box.remove() }, "Dismiss"),
  );
  box.dataset.key = key;
  byId("notices").append(box);
}

/** Take a notice away. */
export function dismiss(key) {
  for (const box of byId("notices").children) if (box.dataset.key === key) box.remove();
}

/** Ask before something is lost; true if the answer is yes. */
export function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
