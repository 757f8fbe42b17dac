// Logging in: the token goes to the server once and comes back as a cookie that scripts cannot read.
import { closeSession, openSession } from "./api.js";
import { byId } from "./dom.js";
import { plain } from "./errors.js";

let asking = null;

/** Show the dialog; the promise is kept once the server has taken a token. */
export function askToken() {
  asking ??= new Promise((resolve) => {
    const dialog = byId("login");
    const form = byId("login-form");
    const field = byId("token");
    const error = byId("login-error");
    const stay = (event) => event.preventDefault(); // there is nothing behind it to go back to
    const submit = async (event) => {
      event.preventDefault();
      error.textContent = "";
      try {
        await openSession(field.value.trim());
      } catch (problem) {
        error.textContent = problem.status === 401 || problem.status === 403
          ? "The server does not know this token. Check that all of it is there."
          : plain(problem);
        field.focus();
        field.select();
        return;
      }
      field.value = "";
      form.removeEventListener("submit", submit);
      dialog.removeEventListener("cancel", stay);
      dialog.close();
      byId("logout-button").hidden = false;
      asking = null;
      resolve();
    };
    form.addEventListener("submit", submit);
    dialog.addEventListener("cancel", stay);
    error.textContent = "";
    dialog.showModal();
    field.focus();
  });
  return asking;
}

/** Forget the session and begin anew. */
export async function logOut() {
  await closeSession().catch(() => null);
  location.hash = "#/";
  location.reload();
}
