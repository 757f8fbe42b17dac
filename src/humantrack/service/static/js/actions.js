// What can be done with jobs, from the list and from their pages.
import { jobPath, makeLink, rename, retry, revokeLink, runAgain, stopLive, stopOrDelete, urlOf } from "./api.js";
import { confirmed, notice, say } from "./dom.js";
import { isOfOptions, plain } from "./errors.js";
import { liveOverrides } from "./live.js";
import { sharedUrl } from "./shared.js";
import { askOptions, askText, showLink } from "./setup.js";

/**
 * The actions. `jobs` is the list; `limits` gives the server's limits; `openId` that of the opened
 * job; `go` opens an address of the page.
 */
export function actionsOf({ jobs, limits, openId, go }) {
  const failed = (error, job) => notice(isOfOptions(error) ? error.detail : plain(error), `job ${job.id}`);

  async function attempt(job, request, done) {
    try {
      await request(job.id);
      say(done);
    } catch (error) {
      failed(error, job);
    }
    await jobs.watch(openId()).catch(() => null);
    jobs.refresh();
  }

  async function removeOne(job) {
    try {
      await stopOrDelete(job.id);
    } catch (error) {
      if (error.status !== 404) return failed(error, job);
    }
    say(`${job.name} is deleted.`);
    jobs.remove(job.id);
    if (openId() === job.id) go("#/");
  }

  return {
    cancel: (job) => attempt(job, stopOrDelete, `${job.name} is cancelled.`),
    keep: (job) => attempt(job, (id) => stopLive(id, true), `${job.name} ends, and is kept.`),
    async discard(job) {
      if (!(await confirmed(`Stop ${job.name}?`, "It ends, and nothing of what was recorded is kept.", "Stop and delete"))) return;
      try {
        await stopLive(job.id, false);
      } catch (error) {
        return failed(error, job);
      }
      say(`${job.name} ends, and is deleted.`);
      jobs.remove(job.id);
      if (openId() === job.id) go("#/");
    },
    retry: (job) => attempt(job, retry, `${job.name} is tried again.`),
    async remove(job) {
      if (await confirmed(`Delete ${job.name}?`, "The clip and everything that was made of it are removed from the server.", "Delete")) await removeOne(job);
    },
    async removeMany(some) {
      const what = some.length === 1 ? some[0].name : `${some.length} clips`;
      if (!(await confirmed(`Delete ${what}?`, "The clips and everything that was made of them are removed from the server.", "Delete"))) return false;
      for (const job of some) await removeOne(job);
      return true;
    },
    compare: ([one, other]) => go(`#/compare/${one.id}/${other.id}`),
    async name(job) {
      const name = await askText("Rename the clip", "Name", job.name);
      if (name && name !== job.name) await attempt(job, (id) => rename(id, name), `It is called ${name} now.`);
    },
    async again(job) {
      let [chosen, problem] = [job.overrides, job.error && isOfOptions(job.error) ? job.error.detail : ""];
      for (;;) {
        const [url, overrides] = job.live ? [null, liveOverrides()] : [urlOf(jobPath(job.id, "/original")), limits()?.overrides];
        chosen = await askOptions({ title: job.live ? `Record ${job.live.source} again` : `Run ${job.name} again`, action: job.live ? "Begin" : "Run", url, overrides, chosen, problem });
        if (!chosen) return;
        try {
          const next = await runAgain(job.id, chosen);
          jobs.add(next);
          say(`${job.name} is run again.`);
          return go(`#/jobs/${next.id}`);
        } catch (error) {
          problem = isOfOptions(error) ? error.detail : plain(error);
        }
      }
    },
    async share(job) {
      try {
        const { link } = await makeLink(job.id);
        showLink(sharedUrl(link), () => attempt(job, revokeLink, "The link is revoked."));
      } catch (error) {
        failed(error, job);
      }
    },
  };
}
