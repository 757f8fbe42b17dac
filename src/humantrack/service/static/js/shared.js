// The page of a read-only link: one clip, nothing to change, nobody to log in.
import { getJob } from "./api.js";
import { byId, h } from "./dom.js";
import { isActive } from "./format.js";
import { plain } from "./errors.js";
import { JobPage } from "./pages.js";

const SOON_MS = 2000;

/** The link in the address, or null. */
export const sharedLink = () => /^#\/shared\/(link-[\w-]+)$/.exec(location.hash)?.[1] ?? null;

/** The address of the page of a link. */
export const sharedUrl = (link) => new URL(`#/shared/${link}`, location.href).href;

/** Show what a link names, and follow it until it has ended. */
export async function showShared(link) {
  document.body.classList.add("shared");
  byId("frame").classList.add("opened");
  addEventListener("hashchange", () => location.reload());
  let page = null;
  for (;;) {
    try {
      const job = await getJob(link);
      if (!page) {
        page = new JobPage(null);
        byId("main").replaceChildren(page.element);
      }
      page.update(job);
      if (!isActive(job)) return;
    } catch (error) {
      if (error.status === 404 || error.status === 401) {
        const gone = "This link does not lead anywhere any more. It may have been revoked, or the clip deleted.";
        byId("main").replaceChildren(h("div", { class: "panel", role: "alert" }, h("p", {}, gone)));
        return;
      }
      if (!page) byId("main").replaceChildren(h("p", { class: "hint", role: "status" }, plain(error)));
    }
    await new Promise((resolve) => setTimeout(resolve, SOON_MS));
  }
}
