// Keys that work wherever the focus is, as long as nothing else wants them.

const TYPING = "input:not([type=range], [type=checkbox]), textarea, select";
const PRESSED = { " ": "button, summary, input[type=checkbox]", Enter: "button, a[href], summary" };

let clicked = null; // what has the focus because of a click

document.addEventListener("pointerdown", (event) => (clicked = event.target.closest("button, a[href], summary, input")), true);
document.addEventListener("focusin", (event) => event.target === clicked || (clicked = null));
document.addEventListener("keydown", (event) => event.key === "Tab" && (clicked = null), true);

/** Whether an element takes this key itself: if the focus came to it by keys, not by a click. */
const isPressed = (key, element) => PRESSED[key] && element.matches?.(PRESSED[key]) && element !== clicked;

/** Call the action of a key; `actions` maps names of keys ("Shift+ArrowLeft") to functions. */
export function listenForKeys(actions) {
  const listener = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target.matches?.(TYPING)) return;
    if (isPressed(event.key, target)) return;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = (event.shiftKey && actions[`Shift+${event.key}`]) || actions[letter];
    if (!action) return;
    event.preventDefault();
    if (event.key === " ") document.addEventListener("keyup", keep, { capture: true, once: true });
    action();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}

/** The keys that play a clip and step through it. */
export function playerKeys(player, fps, toggle) {
  const second = Math.max(1, Math.round(fps));
  return {
    " ": toggle,
    k: toggle,
    ArrowLeft: () => player.step(-1),
    ArrowRight: () => player.step(1),
    "Shift+ArrowLeft": () => player.step(-second),
    "Shift+ArrowRight": () => player.step(second),
    Home: () => player.seek(0),
    End: () => player.seek(player.count - 1),
  };
}

/** Some browsers press a button when the key goes up. */
const keep = (event) => event.key === " " && event.preventDefault();
