// Keys that work wherever the focus is, as long as nothing else wants them.

const TYPING = "input:not([type=range], [type=checkbox]), textarea, select";
const PRESSING = "button, a[href], summary, input[type=checkbox]";

/** Call the action of a key; `actions` maps names of keys ("Shift+ArrowLeft") to functions. */
export function listenForKeys(actions) {
  const listener = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target.matches?.(TYPING)) return;
    if ((event.key === " " || event.key === "Enter") && target.matches?.(PRESSING)) return;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = (event.shiftKey && actions[`Shift+${event.key}`]) || actions[letter];
    if (!action) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}
