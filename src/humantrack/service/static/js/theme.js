// Light or dark, set before anything is painted; a classic script, so that it runs first.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem("humantrack.theme") || "auto";
    } catch {
      return "auto"; // storage may be forbidden
    }
  }

  function apply(choice) {
    const theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    document.dispatchEvent(new Event("themechange"));
  }

  apply(stored());
  dark.addEventListener("change", () => apply(stored()));
  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme-select");
    select.value = stored();
    select.addEventListener("change", () => {
      try {
        localStorage.setItem("humantrack.theme", select.value);
      } catch {
        // the choice holds for this page, then
      }
      apply(select.value);
    });
  });
})();
